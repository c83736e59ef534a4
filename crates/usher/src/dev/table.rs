//! Who may do what where: person × community × permission, asked cell by cell.

use usher_api::community::CheckAccessRequest;

use super::api::Api;
use super::narrator::Narrator;
use super::people::Person;
use super::story::{Place, Unexpected};

/// What is asked.
pub struct Table {
    /// A block of rows for each.
    pub people: [Person; 5],
    /// A column for each.
    pub places: [Place; 6],
    /// A row in each block for each.
    pub permissions: [&'static str; 3],
}

/// The answers, by person, permission and place.
pub struct Answers(Vec<Vec<Vec<bool>>>);

impl Answers {
    /// Whether every answer is as `expected(person, place, permission)` says.
    pub fn agree(&self, expected: impl Fn(usize, usize, usize) -> bool) -> bool {
        self.0.iter().enumerate().all(|(person, block)| {
            block.iter().enumerate().all(|(permission, row)| {
                row.iter().enumerate().all(|(place, allowed)| *allowed == expected(person, place, permission))
            })
        })
    }
}

impl Table {
    /// Asks `CheckAccess` about every cell, as `service`.
    pub async fn ask(&self, api: &Api, service: &str) -> Result<Answers, Unexpected> {
        let mut answers = Vec::new();
        for person in &self.people {
            let mut block = Vec::new();
            for permission in self.permissions {
                let mut row = Vec::new();
                for place in &self.places {
                    let request = CheckAccessRequest {
                        user: person.user.clone(),
                        community: place.community.clone(),
                        permission: permission.to_owned(),
                        ..CheckAccessRequest::default()
                    };
                    let request = api.as_service(service, request)?;
                    row.push(api.community().check_access(request).await?.into_inner().allowed);
                }
                block.push(row);
            }
            answers.push(block);
        }
        Ok(Answers(answers))
    }

    /// The table as it is shown, within 80 columns: the words of a name stand one below the other.
    pub fn lines(&self, answers: &Answers, narrator: &Narrator) -> Vec<String> {
        let people = widest(self.people.iter().map(|person| person.name));
        let permissions = widest(self.permissions.into_iter());
        let widths = self.places.each_ref().map(|place| widest(place.name.split(' ')));
        let row = |person: &str, permission: &str, cells: &[String]| {
            let line = format!("{person:people$} {permission:permissions$} {}", cells.join(" "));
            line.trim_end().to_owned()
        };

        let mut lines = Vec::new();
        for word in 0..2 {
            let words = self.places.iter().zip(widths);
            let words =
                words.map(|(place, width)| centred(place.name.split(' ').nth(word).unwrap_or(""), width));
            lines.push(row("", "", &words.collect::<Vec<_>>()));
        }
        for (person, block) in self.people.iter().zip(&answers.0) {
            for (index, (permission, allowed)) in self.permissions.iter().zip(block).enumerate() {
                let marks = allowed.iter().zip(widths);
                // A mark is one column wide, whatever codes colour it.
                let marks =
                    marks.map(|(allowed, width)| centred("x", width).replace('x', &narrator.mark(*allowed)));
                let name = if index == 0 { person.name } else { "" };
                lines.push(row(name, permission, &marks.collect::<Vec<_>>()));
            }
        }
        lines
    }
}

fn centred(text: &str, width: usize) -> String {
    format!("{text:^width$}")
}

fn widest<'a>(texts: impl Iterator<Item = &'a str>) -> usize {
    texts.map(str::len).max().unwrap_or(0)
}
