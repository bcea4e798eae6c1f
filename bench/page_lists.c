/* SPDX-License-Identifier: MIT */
/*
 * page_lists.c: the list step on the page, one row a shape. Nothing is printed when it was not measured.
 */
#include "page.h"
#include "lists.h"
#include "words.h"

static void ns_cell(FILE *out, double ns, bool is_best)
{
    if (ns <= 0.0)
        fputs("<td class=dim>&ndash;</td>", out);
    else
        fprintf(out, is_best ? "<td><b>%s</b></td>" : "<td>%s</td>", ms_word_ns(ns).s);
}

static void row_print(const struct ms_list_row *row, FILE *out)
{
    double best = row->way[row->best];

    fputs("<tr><th scope=row>", out);
    ms_print_html(out, row->shape);
    fprintf(out, "</th><td>%u</td><td>%.1f</td><td>%s<small>%s</small></td>", row->pages,
            row->elements, ms_word_ns(row->limit).s, row->limit_word);
    ns_cell(out, row->naive, false);
    for (enum ms_list_way way = 0; way < MS_LIST_WAYS; way++)
        ns_cell(out, row->way[way], way == row->best);
    fprintf(out, "<td>%s</td><td>%s</td>", ms_word_ns(best / row->pages).s,
            ms_word_ns(best / row->elements).s);
    fprintf(out, "<td>%.3g</td><td>%s</td></tr>\n", ms_list_gib(row),
            ms_word_percent(row->limit / best).s);
}

void ms_page_lists(const struct ms_result *r, FILE *out)
{
    struct ms_list_row row;

    if (!ms_list_row(r, 0, &row))
        return;
    fputs(
        "<section aria-labelledby=\"lists\">\n<h2 id=\"lists\">The list step alone</h2>\n"
        "<p class=\"how\">A chain of MDLs to a scatter/gather list and nothing around it, by each "
        "way that this processor has. The limit is the longest of what no builder can do without: "
        "reading every frame number, writing as many elements, following the chain. Best way in "
        "bold; what follows it is of that way.</p>\n"
        "<div class=\"scroll tall\" tabindex=0 role=region aria-label=\"The list step\"><table>\n"
        "<thead><tr><th scope=col>shape</th><th scope=col>pages</th><th scope=col>elements</th>"
        "<th scope=col>limit</th><th scope=col>naive loop</th>",
        out);
    for (enum ms_list_way way = 0; way < MS_LIST_WAYS; way++)
        fprintf(out, "<th scope=col>%s</th>", ms_list_way_name(way));
    fputs("<th scope=col>a page</th><th scope=col>an element</th><th scope=col>GiB mapped a "
          "second</th>"
          "<th scope=col>of the limit</th></tr></thead>\n<tbody>\n",
          out);
    for (size_t i = 0; ms_list_row(r, i, &row); i++)
        row_print(&row, out);
    fputs(
        "</tbody></table></div>\n"
        "<p class=\"not\">Not shown: lists at odd addresses, and what a device's limits cost.</p>\n"
        "</section>\n",
        out);
}
