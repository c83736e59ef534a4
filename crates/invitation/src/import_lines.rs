//! What comes in an import: addresses as people type them, items of a client, or the lines of a CSV file. Whatever the form, one
//! line is one person.

use csv_core::ReadRecordResult;
use usher_api::community::Grant;
use usher_api::invitation::ImportItem;
use usher_runtime::Violations;

/// The longest line of a CSV file. A line of 100 communities and their roles has about 10 kB.
const LONGEST_LINE: usize = 1 << 16;
const MOST_COLUMNS: usize = 16;

/// One person, as the client says it. Items without grants are offered what the import offers to all.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Line {
    Item(ImportItem),
    /// A line that says nothing, and what is wrong with it.
    Bad {
        email: String,
        fault: &'static str,
    },
}

/// The addresses between commas. An empty place, as after a last comma, is not an address.
pub(crate) fn typed(emails: &str) -> impl Iterator<Item = Line> {
    let places = emails.split(',').map(str::trim).filter(|place| !place.is_empty());
    places.map(|place| Line::Item(ImportItem { email: place.to_owned(), ..ImportItem::default() }))
}

/// A CSV file (RFC 4180) that comes in pieces. Its first line names the columns: `email`, and if it has them `display_name`,
/// `communities` and `roles`, whose values are separated by semicolons.
pub(crate) struct Csv {
    reader: csv_core::Reader,
    columns: Option<Columns>,
    line: Vec<u8>,
    length: usize,
    ends: [usize; MOST_COLUMNS],
    number: usize,
}

#[derive(Clone, Copy, Debug, Default)]
struct Columns {
    number: usize,
    email: usize,
    display_name: Option<usize>,
    communities: Option<usize>,
    roles: Option<usize>,
}

impl Csv {
    pub(crate) fn new() -> Self {
        Self {
            reader: csv_core::Reader::new(),
            columns: None,
            line: vec![0; LONGEST_LINE],
            length: 0,
            ends: [0; MOST_COLUMNS],
            number: 0,
        }
    }

    /// Takes a piece of the file, and adds the lines that it completes to `lines`. An empty piece is the end of the file.
    pub(crate) fn take(&mut self, piece: &[u8], lines: &mut Vec<Line>, violations: &mut Violations) {
        let mut rest = piece;
        loop {
            let (result, read, written, ended) =
                self.reader.read_record(rest, &mut self.line[self.length..], &mut self.ends[self.number..]);
            rest = &rest[read..];
            self.length += written;
            self.number += ended;
            match result {
                ReadRecordResult::InputEmpty | ReadRecordResult::End => return,
                ReadRecordResult::OutputFull | ReadRecordResult::OutputEndsFull => {
                    let what = "must hold no line of more than 64 KiB or 16 columns";
                    return violations.add("csv", what);
                }
                ReadRecordResult::Record => {
                    if !self.note(lines, violations) {
                        return;
                    }
                    (self.length, self.number) = (0, 0);
                }
            }
            if piece.is_empty() {
                continue;
            }
            if rest.is_empty() {
                return;
            }
        }
    }

    /// Reads the line that is complete. Whether the file can be read on.
    fn note(&mut self, lines: &mut Vec<Line>, violations: &mut Violations) -> bool {
        let fields = self.fields();
        if let Some(columns) = self.columns {
            lines.push(columns.read(fields.as_deref()));
        } else {
            self.columns = fields.as_deref().and_then(Columns::named);
            let what = "must begin with the names of its columns: `email`, and of `display_name`, `communities`, \
                        `roles` those that it has";
            violations.require(self.columns.is_some(), "csv", what);
        }
        self.columns.is_some()
    }

    /// The fields of the line, if it is UTF-8.
    fn fields(&self) -> Option<Vec<String>> {
        let mut begin = 0;
        let mut fields = Vec::with_capacity(self.number);
        for end in &self.ends[..self.number] {
            let text = std::str::from_utf8(self.line.get(begin..*end)?).ok()?;
            fields.push(text.trim_start_matches('\u{feff}').trim().to_owned());
            begin = *end;
        }
        Some(fields)
    }
}

impl Columns {
    fn named(names: &[String]) -> Option<Self> {
        let mut columns = Self { number: names.len(), ..Self::default() };
        let mut email = None;
        for (place, name) in names.iter().enumerate() {
            match name.to_ascii_lowercase().as_str() {
                "email" => email = Some(place),
                "display_name" => columns.display_name = Some(place),
                "communities" => columns.communities = Some(place),
                "roles" => columns.roles = Some(place),
                _ => return None,
            }
        }
        columns.email = email?;
        Some(columns)
    }

    fn read(self, fields: Option<&[String]>) -> Line {
        let Some(fields) = fields else {
            return Line::Bad { email: String::new(), fault: "the line is not UTF-8" };
        };
        let field = |place: Option<usize>| {
            place.and_then(|place| fields.get(place)).map(String::as_str).unwrap_or_default()
        };
        let email = field(Some(self.email)).to_owned();
        if fields.len() != self.number {
            return Line::Bad { email, fault: "the line has another number of columns than the first one" };
        }
        let list = |place| field(place).split(';').map(str::trim).filter(|text| !text.is_empty());
        let roles: Vec<String> = list(self.roles).map(str::to_owned).collect();
        let communities = list(self.communities).map(|community| Grant {
            community: full_name(community),
            roles: roles.clone(),
            ..Grant::default()
        });
        let grants: Vec<Grant> = communities.collect();
        if grants.is_empty() != roles.is_empty() {
            return Line::Bad {
                email,
                fault: "the line has communities without roles, or roles without communities",
            };
        }
        Line::Item(ImportItem { email, display_name: field(self.display_name).to_owned(), grants })
    }
}

/// Communities may be named by their ids alone.
fn full_name(community: &str) -> String {
    if community.contains('/') { community.to_owned() } else { format!("communities/{community}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(email: &str, display_name: &str, grants: &[(&str, &[&str])]) -> Line {
        let grant = |(community, roles): &(&str, &[&str])| Grant {
            community: (*community).to_owned(),
            roles: roles.iter().map(|role| (*role).to_owned()).collect(),
            ..Grant::default()
        };
        Line::Item(ImportItem {
            email: email.to_owned(),
            display_name: display_name.to_owned(),
            grants: grants.iter().map(grant).collect(),
        })
    }

    /// Reads `file` in pieces of `size` bytes.
    fn read(file: &str, size: usize) -> (Vec<Line>, usize) {
        let (mut csv, mut lines, mut violations) = (Csv::new(), Vec::new(), Violations::default());
        for piece in file.as_bytes().chunks(size) {
            csv.take(piece, &mut lines, &mut violations);
        }
        csv.take(&[], &mut lines, &mut violations);
        (lines, violations.iter().count())
    }

    #[test]
    fn a_file_reads_the_same_in_whatever_pieces_it_comes() {
        let file = "\u{feff}Email,display_name,communities,roles\r\n\
                    a@x.example,\"Okafor, Mira\",communities/1;2,guest; analyst\r\n\
                    \n\
                    b@x.example,,,\n\
                    c@x.example,only three,\n\
                    d@x.example,\"two\nlines\",3,\n\
                    e@x.example,last,,";
        let expected = vec![
            item(
                "a@x.example",
                "Okafor, Mira",
                &[("communities/1", &["guest", "analyst"]), ("communities/2", &["guest", "analyst"])],
            ),
            item("b@x.example", "", &[]),
            Line::Bad {
                email: "c@x.example".to_owned(),
                fault: "the line has another number of columns than the first one",
            },
            Line::Bad {
                email: "d@x.example".to_owned(),
                fault: "the line has communities without roles, or roles without communities",
            },
            item("e@x.example", "last", &[]),
        ];
        for size in [1, 2, 7, 1_000] {
            assert_eq!(read(file, size), (expected.clone(), 0), "{size}");
        }
    }

    #[test]
    fn a_file_without_known_columns_is_refused() {
        for file in ["a@x.example,guest\n", "email,colour\na@x.example,red\n", "roles\nguest\n"] {
            assert_eq!(read(file, 100), (Vec::new(), 1), "{file:?}");
        }
        let long = format!("email\n{}\n", "a".repeat(LONGEST_LINE + 1));
        assert_eq!(read(&long, 1_000_000).1, 1);
    }

    #[test]
    fn addresses_are_split_at_commas_and_bad_ones_kept() {
        let lines: Vec<_> = typed("a@example.com,  b@example.com ,, nobody ,").collect();
        let expected = ["a@example.com", "b@example.com", "nobody"].map(|email| item(email, "", &[]));
        assert_eq!(lines, expected);
    }
}
