//! A man page made from a page of the documentation, so that the two cannot disagree.

use crate::man::{escaped, title_line};
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

/// Where the package puts the pages that this one links to.
const PAGES: &str = "/usr/share/doc/msgqd/";

/// The page's texts that stand in no Markdown.
pub struct Page<'a> {
    pub name: &'a str,
    pub section: &'a str,
    pub about: &'a str,
    pub manual: &'a str,
    pub version: &'a str,
    /// Names and sections of the pages that it leads to.
    pub see_also: &'a [(&'a str, &'a str)],
}

/// What is being written.
#[derive(Default)]
struct Writer {
    page: String,
    /// Text of the paragraph, heading, or cell that is open.
    text: String,
    is_code: bool,
    /// The next number of each open list; `None` where it has none.
    lists: Vec<Option<u64>>,
    link: Option<String>,
    /// The first row of a table, and the one that is open.
    headings: Vec<String>,
    cells: Vec<String>,
}

/// The text between Markdown's first heading and its end as a man page.
pub fn man_page(markdown: &str, about: &Page<'_>) -> String {
    let mut writer =
        Writer { page: title_line(about.name, about.section, about.version, about.manual), ..Writer::default() };
    writer.line(".SH NAME");
    writer.line(&format!("{} \\- {}", escaped(about.name), about.about));
    Parser::new_ext(markdown, Options::ENABLE_TABLES).for_each(|event| writer.event(event));
    writer.line(".SH \"SEE ALSO\"");
    let pages: Vec<String> =
        about.see_also.iter().map(|(name, section)| format!(".BR {} ({section})", escaped(name))).collect();
    writer.line(&pages.join(",\n"));
    writer.page
}

impl Writer {
    fn line(&mut self, line: &str) {
        self.page.push_str(line);
        self.page.push('\n');
    }

    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text) if self.is_code => text.lines().for_each(|line| self.line(&escaped(line))),
            Event::Text(text) => self.text.push_str(&inside_a_line(&text)),
            Event::Code(text) => self.text.push_str(&format!("\\fB{}\\fR", inside_a_line(&text))),
            Event::SoftBreak | Event::HardBreak => self.text.push('\n'),
            _ => {}
        }
    }

    fn start(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::CodeBlock(_) => {
                self.is_code = true;
                self.line(".PP\n.RS 4\n.nf");
            }
            Tag::List(first) => self.lists.push(first),
            Tag::Item => {
                let mark = match self.lists.last_mut() {
                    Some(Some(number)) => {
                        *number += 1;
                        format!(".IP {}. 4", *number - 1)
                    }
                    _ => ".IP \\(bu 2".to_owned(),
                };
                self.flush("");
                self.line(&mark);
            }
            Tag::Emphasis | Tag::Strong => self.text.push_str("\\fI"),
            Tag::Link { dest_url, .. } => self.link = Some(dest_url.into_string()),
            Tag::TableHead => self.cells.clear(),
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Heading(level) => self.heading(level as usize),
            TagEnd::Paragraph => self.flush(if self.lists.is_empty() { ".PP" } else { "" }),
            TagEnd::Item => self.flush(""),
            TagEnd::List(_) => {
                self.lists.pop();
            }
            TagEnd::CodeBlock => {
                self.is_code = false;
                self.line(".fi\n.RE");
            }
            TagEnd::Emphasis | TagEnd::Strong => self.text.push_str("\\fR"),
            TagEnd::Link => self.end_of_link(),
            TagEnd::TableCell => self.cells.push(std::mem::take(&mut self.text)),
            TagEnd::TableHead => self.headings = std::mem::take(&mut self.cells),
            TagEnd::TableRow => self.row(),
            _ => {}
        }
    }

    /// The first names the document, and its text is the description.
    fn heading(&mut self, level: usize) {
        let text = std::mem::take(&mut self.text);
        match level {
            1 => self.line(".SH DESCRIPTION"),
            2 => self.line(&format!(".SH \"{}\"", text.to_uppercase())),
            _ => self.line(&format!(".SS \"{text}\"")),
        }
    }

    /// A line that begins with a dot or a quote would be an instruction.
    fn flush(&mut self, instruction: &str) {
        let text = std::mem::take(&mut self.text);
        if text.is_empty() {
            return;
        }
        if !instruction.is_empty() {
            self.line(instruction);
        }
        for line in text.lines() {
            let guard = if line.starts_with(['.', '\'']) { "\\&" } else { "" };
            self.line(&format!("{guard}{line}"));
        }
    }

    /// A page of the documentation is named with its place, unless its name is all that the text says.
    fn end_of_link(&mut self) {
        let target = self.link.take().unwrap_or_default();
        let shown = match target.as_str() {
            "protocol.md" => " (\\fBmsgqd\\-protocol\\fR(7))".to_owned(),
            page if page.starts_with(['#', 'h']) || page.starts_with("man/") => String::new(),
            page => format!(" ({PAGES}{})", inside_a_line(page)),
        };
        self.text.push_str(&shown);
    }

    /// The first cell is what the others tell of.
    fn row(&mut self) {
        let cells = std::mem::take(&mut self.cells);
        let Some((first, others)) = cells.split_first() else { return };
        self.line(&format!(".TP\n{}", if first.is_empty() { "\\&" } else { first }));
        let headings = self.headings.clone();
        for (at, cell) in others.iter().enumerate().filter(|(_, cell)| !cell.is_empty()) {
            let heading = headings.get(at + 1).filter(|_| others.len() > 1);
            let heading = heading.map_or_else(String::new, |heading| format!("{heading}: "));
            self.line(&format!("{heading}{cell}{}", if at + 1 < others.len() { "." } else { "" }));
        }
    }
}

fn inside_a_line(text: &str) -> String {
    text.replace('\\', "\\e").replace('-', "\\-")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: Page<'_> = Page {
        name: "x",
        section: "7",
        about: "y",
        manual: "M",
        version: "x 1",
        see_also: &[("a-b", "1"), ("c", "5")],
    };

    fn body(markdown: &str) -> String {
        let page = man_page(markdown, &PAGE);
        let begin = page.find("x \\- y\n").unwrap() + "x \\- y\n".len();
        page[begin..page.find(".SH \"SEE ALSO\"").unwrap()].to_owned()
    }

    #[test]
    fn headings_paragraphs_and_code_become_what_man_knows() {
        let page = body("# T\n\nOne `a-b`\n'two'.\n\n## Two words\n\n```sh\n.x \\n\n\n-y\n```\n\n### Three\n");
        let expected = ".SH DESCRIPTION\n.PP\nOne \\fBa\\-b\\fR\n\\&'two'.\n.SH \"TWO WORDS\"\n.PP\n.RS 4\n.nf\n\\&.x \\en\n\n\\-y\n.fi\n.RE\n.SS \"Three\"\n";
        assert_eq!(page, expected);
    }

    #[test]
    fn lists_and_tables_keep_every_word() {
        let page = body("# T\n\n1. one\n2. two\n\n- point\n\n| A | B | C |\n|---|---|---|\n| x | y | z |\n");
        let expected = ".SH DESCRIPTION\n.IP 1. 4\none\n.IP 2. 4\ntwo\n.IP \\(bu 2\npoint\n.TP\nx\nB: y.\nC: z\n";
        assert_eq!(page, expected);
    }

    #[test]
    fn a_link_to_another_page_tells_where_the_package_has_it() {
        let page = body("# T\n\n[this](examples/w.py), [p](protocol.md), [there](#there)\n");
        let expected = "this (/usr/share/doc/msgqd/examples/w.py), p (\\fBmsgqd\\-protocol\\fR(7)), there\n";
        assert!(page.ends_with(expected), "{page}");
    }
}
