//! The report for people at a terminal: at most 100 columns, colours only where they are wanted.

use std::fmt::Write;

use super::words;
use crate::drill::{
    expect::Shown,
    grade::{Grade, Measure},
    run::{Played, Run},
    story::NoteOf,
};

/// The longest line.
const COLUMNS: usize = 100;

/// Width of the column of labels, and of the two columns of values.
const LABEL: usize = 22;
const VALUE: usize = 24;

/// Colours, or their absence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paint {
    /// Whether to use them.
    pub colour: bool,
}

impl Paint {
    fn with(self, code: &str, text: &str) -> String {
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// The report as text.
pub fn report(played: &Played, paint: Paint) -> String {
    let mut text = String::new();
    head(&mut text, played, paint);
    table(&mut text, played, paint);
    if let Some(run) = played.with.as_ref().or(played.without.as_ref()) {
        timeline(&mut text, played, run, paint);
    }
    verdict(&mut text, played, paint);
    text
}

fn head(text: &mut String, played: &Played, paint: Paint) {
    let plan = &played.plan;
    let nodes = if plan.nodes == 1 { "1 node".to_owned() } else { format!("{} nodes", plan.nodes) };
    let start = plan.start.format("%Y-%m-%d %H:%M:%S %:z");
    let name = paint.with("1", &plan.name);
    let _ = writeln!(text, "{name} · seed {} · {nodes} · from {start}", played.seed);
    wrap(text, &plan.about, 0);
    text.push('\n');
}

fn table(text: &mut String, played: &Played, paint: Paint) {
    let (with, without) = (played.with.as_ref().map(|run| &run.grade), played.without.as_ref().map(|run| &run.grade));
    let titles = format!("{:LABEL$}{:VALUE$}{:VALUE$}the incident itself", "", "with controller", "without");
    let _ = writeln!(text, "{}", paint.with("1", &titles));
    for (measure, name) in words::told(played) {
        let published = played.plan.incident.published.get(name).map_or("—", String::as_str);
        let cell = |grade: Option<&Grade>| {
            let shown = grade.map_or_else(|| "not run".into(), |grade| words::value(grade, measure));
            format!("{:VALUE$}", clip(&shown, VALUE - 2))
        };
        let with_cell = match better(with, without, measure) {
            Some(true) => paint.with("32", &cell(with)),
            Some(false) => paint.with("31", &cell(with)),
            None => cell(with),
        };
        let most = COLUMNS - LABEL - 2 * VALUE;
        let _ = write!(text, "{:LABEL$}{with_cell}{}", words::label(measure), cell(without));
        let _ = writeln!(text, "{}", clip(published, most));
    }
    let _ = writeln!(
        text,
        "\n{}",
        paint.with("2", &clip(&format!("the incident: {}", played.plan.incident.from), COLUMNS))
    );
}

/// Whether the run with the controller did better (`true`) or worse; `None` when both did the same or cannot be compared.
pub(super) fn better(with: Option<&Grade>, without: Option<&Grade>, measure: Measure) -> Option<bool> {
    match (with?.show(measure), without?.show(measure)) {
        (Shown::Number(a), Shown::Number(b)) if words::less_is_better(measure) && a != b => Some(a < b),
        _ => None,
    }
}

fn timeline(text: &mut String, played: &Played, run: &Run, paint: Paint) {
    let which = if played.with.is_some() { "with the controller" } else { "without the controller" };
    let _ = writeln!(text, "\n{}", paint.with("1", &format!("What happened {which}")));
    for note in &run.story.notes {
        let code = match note.of {
            NoteOf::World => "33",
            NoteOf::Alarm => "31",
            NoteOf::Diagnosis => "35",
            NoteOf::Action => "36",
            NoteOf::Check => "2",
        };
        let label = paint.with(code, &format!("{:7}", note.of.label()));
        let wall = words::wall(&played.plan, note.at);
        let _ = write!(text, "  {wall}  {label} ");
        wrap(text, &note.text, wall.len() + 12);
    }
}

fn verdict(text: &mut String, played: &Played, paint: Paint) {
    text.push('\n');
    let failed = played.disappointments();
    if failed.is_empty() {
        let _ = writeln!(text, "{}", paint.with("32", "Every expectation of the drill holds."));
    }
    for line in failed {
        let _ = writeln!(text, "{} {line}", paint.with("31", "not as expected:"));
    }
}

/// Writes words that wrap at the last column; `indent` is where the cursor stands, and where the next lines begin.
fn wrap(text: &mut String, words: &str, indent: usize) {
    let mut column = indent;
    for word in words.split_whitespace() {
        let length = word.chars().count();
        if column > indent && column + 1 + length > COLUMNS {
            let _ = write!(text, "\n{:indent$}", "");
            column = indent;
        }
        if column > indent {
            text.push(' ');
            column += 1;
        }
        text.push_str(word);
        column += length;
    }
    text.push('\n');
}

fn clip(text: &str, most: usize) -> String {
    if text.chars().count() <= most { text.to_owned() } else { text.chars().take(most - 1).chain(['…']).collect() }
}
