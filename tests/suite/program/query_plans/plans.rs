//! What PostgreSQL says that it did, read from its log, and what must not be in it.

use std::fmt;

use serde_json::Value as Json;

/// The tables that grow.
const LARGE: [&str; 10] = [
    "community",
    "invitation",
    "invitation_grant",
    "invitation_history",
    "invitation_token",
    "member",
    "member_role",
    "person",
    "role",
    "role_permission",
];
/// The most rows that a list may sort or hash at once: a few of its pages.
const MOST_ROWS: f64 = 1_000.0;

/// A statement that was executed, with its plan.
#[derive(Clone, Debug)]
pub struct Plan(Json);

impl Plan {
    /// The plans in a part of PostgreSQL's log. Each begins behind `plan:` and goes on in lines that are indented.
    pub fn read(log: &str) -> Vec<Self> {
        let mut plans = Vec::new();
        let mut lines = log.lines().peekable();
        while let Some(line) = lines.next() {
            if !line.ends_with(" plan:") {
                continue;
            }
            let mut text = String::new();
            while let Some(more) = lines.next_if(|line| line.starts_with('\t')) {
                text += more.trim_start_matches('\t');
                text.push('\n');
            }
            match serde_json::from_str(&text) {
                Ok(plan) => plans.push(Self(plan)),
                // Still being written, and so of a later statement: those of the call were written before it was answered.
                Err(error) if error.is_eof() && lines.peek().is_none() => {}
                Err(error) => panic!("{error} in {text}"),
            }
        }
        plans
    }

    /// The text of the statement.
    pub fn statement(&self) -> &str {
        self.0["Query Text"].as_str().unwrap_or_default()
    }

    /// Whether the statement has to do with events on their way, which are carried at any time.
    pub fn is_about_events(&self) -> bool {
        ["outbox", "processed_event", "dead_letter"].iter().any(|table| self.statement().contains(table))
    }

    /// What reads a large table from one end to the other.
    pub fn whole_tables(&self) -> Vec<String> {
        let mut found = Vec::new();
        self.visit(&mut |node| {
            let table = node["Relation Name"].as_str().unwrap_or_default();
            if node["Node Type"] == "Seq Scan" && LARGE.contains(&table) {
                found.push(format!("reads all of {table}"));
            }
        });
        found
    }

    /// What sorts or hashes more than a few pages, by the estimate of the planner.
    pub fn large_sorts(&self) -> Vec<String> {
        let mut found = Vec::new();
        self.visit(&mut |node| {
            let hashes = node["Node Type"] == "Aggregate" && node["Strategy"] == "Hashed";
            let taken = if hashes { &node["Plans"][0] } else { node };
            let rows = taken["Plan Rows"].as_f64().unwrap_or_default();
            let kind = node["Node Type"].as_str().unwrap_or_default();
            if (hashes || matches!(kind, "Sort" | "Hash")) && rows > MOST_ROWS {
                found.push(format!("{kind} over {rows} rows"));
            }
        });
        found
    }

    /// What looks at all members of a community to find one.
    pub fn all_members(&self) -> Vec<String> {
        let mut found = Vec::new();
        self.visit(&mut |node| {
            let index = node["Index Name"].as_str().unwrap_or_default();
            let by_person =
                node["Index Cond"].as_str().is_some_and(|condition| condition.contains("user_id"));
            if index.starts_with("member") && !by_person {
                found.push(format!("looks through {index} without a person"));
            }
        });
        found
    }

    fn visit(&self, see: &mut impl FnMut(&Json)) {
        let mut waiting = vec![&self.0["Plan"]];
        while let Some(node) = waiting.pop() {
            see(node);
            waiting.extend(node["Plans"].as_array().into_iter().flatten());
        }
    }
}

/// The statement, and a line for each step with the rows that the planner expects.
impl fmt::Display for Plan {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{}", self.statement())?;
        write_step(formatter, &self.0["Plan"], 1)
    }
}

fn write_step(formatter: &mut fmt::Formatter<'_>, node: &Json, depth: usize) -> fmt::Result {
    write!(formatter, "{:1$}", "", 2 * depth)?;
    for part in
        ["Node Type", "Relation Name", "Index Name", "Index Cond", "Filter", "Plan Rows", "Total Cost"]
    {
        match &node[part] {
            Json::Null => {}
            Json::String(text) => write!(formatter, "{text} ")?,
            number => write!(formatter, "{part} {number} ")?,
        }
    }
    writeln!(formatter)?;
    for inner in node["Plans"].as_array().into_iter().flatten() {
        write_step(formatter, inner, depth + 1)?;
    }
    Ok(())
}
