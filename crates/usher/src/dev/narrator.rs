//! What the terminal shows: numbered chapters, what is done, what came out.

use std::fmt::Display;
use std::io::{IsTerminal as _, Stdout, Write as _};

use super::mailbox::Mail;

/// Tells the story, and counts what did not go as it should.
pub struct Narrator {
    out: Stdout,
    colour: bool,
    chapters: u32,
    unexpected: u32,
}

/// Ways to write on a terminal.
#[derive(Clone, Copy)]
enum Style {
    Bold,
    Dim,
    Good,
    Bad,
}

impl Style {
    fn code(self) -> &'static str {
        match self {
            Self::Bold => "1",
            Self::Dim => "2",
            Self::Good => "32",
            Self::Bad => "1;31",
        }
    }
}

impl Narrator {
    /// Writes to standard output, in colour if that is a terminal and `NO_COLOR` is not set.
    pub fn on_terminal() -> Self {
        let out = std::io::stdout();
        let colour = out.is_terminal() && std::env::var_os("NO_COLOR").is_none();
        Self { out, colour, chapters: 0, unexpected: 0 }
    }

    /// A line above all chapters.
    pub fn title(&self, title: &str) {
        self.print("");
        self.print(&self.paint(Style::Bold, title));
    }

    /// Begins a chapter.
    pub fn chapter(&mut self, title: &str) {
        self.chapters += 1;
        self.title(&format!("{}. {title}", self.chapters));
    }

    /// What somebody does, or a line of a table.
    pub fn tell(&self, what: impl Display) {
        self.print(&format!("   {what}"));
    }

    /// What came out of it, and whether it is what should.
    pub fn check(&mut self, as_expected: bool, what: impl Display) {
        let mark = if as_expected { self.paint(Style::Good, "✓") } else { self.paint(Style::Bad, "✗") };
        self.unexpected += u32::from(!as_expected);
        self.tell(format!("{mark} {what}"));
    }

    /// A mail, as its reader sees it.
    pub fn mail(&self, mail: &Mail) {
        let dim = |text: &str| self.paint(Style::Dim, text);
        self.tell(dim("┌─ mail ──────────────────────────────────────────────────────"));
        for header in [format!("To: {}", mail.to), format!("Subject: {}", mail.subject), String::new()] {
            self.tell(dim(&format!("│ {header}")));
        }
        for line in mail.text.trim_end().lines() {
            self.tell(format!("{} {line}", dim("│")));
        }
        self.tell(dim("└─────────────────────────────────────────────────────────────"));
    }

    /// A yes or a no in a table.
    pub fn mark(&self, yes: bool) -> String {
        if yes { self.paint(Style::Good, "✓") } else { self.paint(Style::Dim, "·") }
    }

    /// How many results were not as expected.
    pub fn unexpected(&self) -> u32 {
        self.unexpected
    }

    /// A line as it is. Nobody may be reading any more, which is no reason to end.
    pub fn print(&self, line: &str) {
        let _ = writeln!(&self.out, "{line}");
    }

    fn paint(&self, style: Style, text: &str) -> String {
        if self.colour { format!("\x1b[{}m{text}\x1b[0m", style.code()) } else { text.to_owned() }
    }
}
