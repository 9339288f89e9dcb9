//! What an evaluation found, as a table and as JSON.

use std::fmt::{self, Display, Formatter};

use serde::Serialize;

use crate::{
    engine::recall::evaluate::{
        pairs::LabelledPair,
        tally::{self, Reason, Row},
        trial::Trial,
    },
    units::Ratio,
};

/// What was found.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    embedder: String,
    pairs: usize,
    same: usize,
    bad_lines: usize,
    /// Every gate, each intent's own threshold.
    shipped: Row,
    /// Every gate, one threshold for all.
    thresholds: Vec<Row>,
    /// Frames and partitions as they are, but no gates.
    ungated: Vec<Row>,
    /// What other gateways do by default: the whole question, one threshold.
    others: Vec<Row>,
    reasons: Vec<Reason>,
    kinds: Vec<Row>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pairs_listed: Vec<Listed>,
}

/// A pair that did not fare as its label says.
#[derive(Debug, Serialize)]
pub(super) struct Listed {
    line: usize,
    /// `wrong`: it hit and must not. `missed`: it should have hit.
    what: &'static str,
    rule: String,
    kept: String,
    asked: String,
}

impl Listed {
    /// The wrong ones first, then the missed ones.
    pub(super) fn of(pairs: &[LabelledPair], trials: &[Trial]) -> Vec<Self> {
        let listed = pairs.iter().zip(trials).filter(|(_, trial)| trial.hits(trial.threshold) != trial.same);
        let mut listed: Vec<_> = listed
            .map(|(pair, trial)| Self {
                line: pair.line,
                what: if trial.same { "missed" } else { "wrong" },
                rule: if trial.same { tally::reason(trial) } else { "served".into() },
                kept: pair.kept.clone(),
                asked: pair.asked.clone(),
            })
            .collect();
        listed.sort_by(|one, other| other.what.cmp(one.what).then_with(|| one.rule.cmp(&other.rule)));
        listed
    }
}

/// Thresholds shown, in ten-thousandths.
const THRESHOLDS: [u32; 7] = [8_000, 8_500, 9_000, 9_200, 9_500, 9_700, 9_900];

/// Defaults of other gateways and libraries.
const OTHERS: [(u32, &str); 4] = [
    (6_000, "0.60 one library"),
    (8_000, "0.80 two gateways"),
    (9_000, "0.90 one library"),
    (9_500, "0.95 two gateways"),
];

impl Report {
    pub(super) fn of(embedder: &str, trials: &[Trial], bad_lines: usize, pairs_listed: Vec<Listed>) -> Self {
        let ratio = Ratio::basis_points;
        let ungated = |points| {
            let threshold = ratio(points);
            tally::row(format!("{:.2}", threshold.as_f64()), trials, |trial| trial.hits_ungated(threshold))
        };
        Self {
            embedder: embedder.to_owned(),
            pairs: trials.len(),
            same: trials.iter().filter(|trial| trial.same).count(),
            bad_lines,
            shipped: tally::as_shipped(trials),
            thresholds: THRESHOLDS.map(|points| tally::at(ratio(points), trials)).into(),
            ungated: THRESHOLDS.map(ungated).into(),
            others: OTHERS.map(|(points, name)| tally::row(name, trials, |t| t.hits_raw(ratio(points)))).into(),
            reasons: tally::reasons(trials),
            kinds: tally::kinds(trials),
            pairs_listed,
        }
    }
}

impl Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { embedder, pairs, same, bad_lines, .. } = self;
        write!(f, "{pairs} pairs: {same} with one answer, {} with two; embedder {embedder}", pairs - same)?;
        match bad_lines {
            0 => writeln!(f)?,
            bad => writeln!(f, "; {bad} lines could not be read")?,
        }
        rows(f, "as shipped: masked, gated", "threshold", std::slice::from_ref(&self.shipped))?;
        rows(f, "masked, gated, one threshold for all", "threshold", &self.thresholds)?;
        rows(f, "masked, no gates", "threshold", &self.ungated)?;
        rows(f, "whole questions, no gates: defaults of other gateways", "cosine at least", &self.others)?;
        if !self.kinds.is_empty() {
            rows(f, "as shipped, by kind of pair", "kind", &self.kinds)?;
        }
        reasons(f, &self.reasons)?;
        if !self.pairs_listed.is_empty() {
            writeln!(f, "\npairs that did not fare as their labels say")?;
        }
        for Listed { line, what, rule, kept, asked } in &self.pairs_listed {
            writeln!(f, "  {what:<6}  line {line:>4}  {rule:<28}  {kept} | {asked}")?;
        }
        Ok(())
    }
}

fn rows(f: &mut Formatter<'_>, title: &str, first: &str, rows: &[Row]) -> fmt::Result {
    let width = rows.iter().map(|row| row.rule.chars().count()).chain([first.len()]).max().unwrap_or(0);
    writeln!(f, "\n{title}")?;
    writeln!(f, "  {first:<width$}  hit rate      right  wrong of hits   wrong rate   95 % bounds")?;
    for row in rows {
        let right = format!("{}/{}", row.found, row.same);
        let wrong = format!("{} of {}", row.wrong, row.hits);
        let bounds = format!("{} to {}", percent(Some(row.at_least)), percent(Some(row.at_most)));
        writeln!(
            f,
            "  {:<width$}  {:>8}  {right:>9}  {wrong:>13}   {:>10}   {bounds}",
            row.rule,
            percent(row.hit_rate),
            percent(row.wrong_rate),
        )?;
    }
    Ok(())
}

fn reasons(f: &mut Formatter<'_>, reasons: &[Reason]) -> fmt::Result {
    let width = reasons.iter().map(|reason| reason.rule.chars().count()).chain([4]).max().unwrap_or(0);
    writeln!(f, "\nwhy pairs did not hit, as shipped")?;
    writeln!(f, "  {:<width$}  hits lost  wrong answers prevented", "rule")?;
    for Reason { rule, same, different } in reasons {
        writeln!(f, "  {rule:<width$}  {same:>9}  {different:>23}")?;
    }
    Ok(())
}

fn percent(share: Option<f64>) -> String {
    share.map_or_else(|| "-".into(), |share| format!("{:.1} %", share * 100.0))
}
