//! What was measured, beside what was promised.

use std::fmt;

/// The lines of the report.
#[derive(Default)]
pub struct Report(Vec<(String, String, String)>);

impl Report {
    /// A figure with its goal.
    pub fn note(&mut self, what: &str, figure: String, goal: &str) {
        self.0.push((what.into(), figure, goal.into()));
    }

    /// CPU time per request beside a floor's: medians, and the median of the ratios of each round.
    pub fn cpu(&mut self, what: &str, floor: &str, rounds: &[(f64, f64)], most: Option<f64>) {
        let ours = median(rounds.iter().map(|round| round.0));
        let theirs = median(rounds.iter().map(|round| round.1));
        let ratio = median(rounds.iter().map(|round| round.0 / round.1));
        let figure = format!("{ours:.1} us, {floor} {theirs:.1} us: {ratio:.2} x");
        let goal = most.map_or_else(|| "none of its own".to_owned(), |most| format!("at most {most} x"));
        self.note(&format!("{what}, CPU per request"), figure, &goal);
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<38} {:<52} goal", "figure", "measured")?;
        self.0.iter().try_for_each(|(what, figure, goal)| writeln!(f, "{what:<38} {figure:<52} {goal}"))
    }
}
