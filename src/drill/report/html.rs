//! The report as one page with charts: everything inside, nothing asked of any other place.
//!
//! The table and the timeline are plain HTML and read well without scripts; the charts are drawn from the page's own data
//! by uPlot, which is part of the program (its licence stands beside it in `assets/`).

use std::fmt::Write;

use serde::Serialize;

use super::{series::Series, text::better, words};
use crate::{
    controller::alarm::AlarmState,
    drill::{
        grade::{Action, Grade, Measure},
        offset::Offset,
        plan::Plan,
        run::{Played, Run},
        story::Note,
    },
};

const PAGE: &str = include_str!("../../../assets/drill.html");
const STYLE: &str = include_str!("../../../assets/drill.css");
const SCRIPT: &str = include_str!("../../../assets/drill.js");
const CHART_STYLE: &str = include_str!("../../../assets/uplot.min.css");
const CHART_SCRIPT: &str = include_str!("../../../assets/uplot.iife.min.js");

/// The page.
pub fn page(played: &Played) -> String {
    let plan = &played.plan;
    let facts =
        format!("{} · {} nodes · seed {}", plan.start.format("%A, %-d %B %Y, %H:%M %:z"), plan.nodes, played.seed);
    let parts = [
        ("title", escape(&plan.name)),
        ("about", escape(&plan.about)),
        ("facts", escape(&facts)),
        ("incident", escape(&plan.incident.from)),
        ("cards", cards(played)),
        ("measures", measures(played)),
        ("timeline", timeline(played)),
        ("actions", actions(played)),
        ("verdict", verdict(played)),
        ("style", format!("{CHART_STYLE}\n{STYLE}")),
        ("data", data(played)),
        ("charts", CHART_SCRIPT.to_owned()),
        ("script", SCRIPT.to_owned()),
    ];
    fill(PAGE, &parts)
}

/// Puts the parts in the place of their `<!--name-->`. What a part contains is never searched.
fn fill(page: &str, parts: &[(&str, String)]) -> String {
    let mut filled = String::with_capacity(page.len() + parts.iter().map(|(_, part)| part.len()).sum::<usize>());
    let mut rest = page;
    while let Some((before, after)) = rest.split_once("<!--") {
        let Some((name, tail)) = after.split_once("-->") else { break };
        filled.push_str(before);
        filled.push_str(parts.iter().find(|(known, _)| *known == name).map_or("", |(_, part)| part));
        rest = tail;
    }
    filled + rest
}

fn grades(played: &Played) -> (Option<&Grade>, Option<&Grade>) {
    (played.with.as_ref().map(|run| &run.grade), played.without.as_ref().map(|run| &run.grade))
}

fn cards(played: &Played) -> String {
    let (with, without) = grades(played);
    let mut html = String::new();
    let harm = worst(with, without);
    for measure in [Measure::Detect, Measure::Diagnose, Measure::Mitigate, Measure::Recover, harm, Measure::P99] {
        let value = |grade: Option<&Grade>| grade.map_or_else(|| "not run".into(), |it| words::value(it, measure));
        let published = played.plan.incident.published.get(measure.name());
        let published = published.map(|text| format!("<dt>the incident</dt><dd>{}</dd>", escape(text)));
        let _ = write!(
            html,
            "<div class=\"card\"><h3>{}</h3><p class=\"big\">{}</p><dl><dt>without</dt><dd>{}</dd>{}</dl></div>",
            words::label(measure),
            escape(&value(with)),
            escape(&value(without)),
            published.unwrap_or_default(),
        );
    }
    html
}

/// What users suffered from most: errors, wrong or degraded answers.
fn worst(with: Option<&Grade>, without: Option<&Grade>) -> Measure {
    let suffered = |of: fn(&Grade) -> u64| [with, without].into_iter().flatten().map(of).max().unwrap_or_default();
    let (errors, wrong) = (suffered(|grade| grade.errors), suffered(|grade| grade.wrong_answers));
    match suffered(|grade| grade.degraded_answers) {
        _ if errors >= wrong && errors > 0 => Measure::Errors,
        _ if wrong > 0 => Measure::Wrong,
        0 => Measure::Errors,
        _ => Measure::Degraded,
    }
}

fn measures(played: &Played) -> String {
    let (with, without) = grades(played);
    let mut html = String::new();
    for (measure, name) in words::told(played) {
        let cell = |grade: Option<&Grade>| grade.map_or_else(|| "not run".into(), |it| words::value(it, measure));
        let class = match better(with, without, measure) {
            Some(true) => " class=\"better\"",
            Some(false) => " class=\"worse\"",
            None => "",
        };
        let published = played.plan.incident.published.get(name).map_or("—", String::as_str);
        let _ = write!(
            html,
            "<tr><th scope=\"row\">{}<code>{name}</code></th><td{class}>{}</td><td>{}</td><td class=\"seed\">{}</td></tr>",
            words::label(measure),
            escape(&cell(with)),
            escape(&cell(without)),
            escape(published),
        );
    }
    html
}

fn timeline(played: &Played) -> String {
    let Some(run) = played.with.as_ref().or(played.without.as_ref()) else { return String::new() };
    let mut html = String::new();
    for Note { at, of, text } in &run.story.notes {
        let of = of.label();
        let _ = write!(
            html,
            "<li class=\"{of}\"><button type=\"button\" data-at=\"{}\"><time>{}</time><b>{of}</b><span>{}</span></button></li>",
            at.seconds(),
            words::wall(&played.plan, *at),
            escape(text),
        );
    }
    html
}

fn actions(played: &Played) -> String {
    let actions = played.with.as_ref().map(|run| run.grade.actions.as_slice()).unwrap_or_default();
    let mut html = String::new();
    for Action { time, policy, action, from, to, verdict } in actions {
        let clock = time.get(11..19).unwrap_or(time);
        let cells =
            [clock, policy, action, from, to, verdict].map(|cell| format!("<td>{}</td>", escape(cell))).concat();
        let _ = write!(html, "<tr>{cells}</tr>");
    }
    if html.is_empty() { "<tr><td colspan=\"6\">Nothing was done.</td></tr>".into() } else { html }
}

fn verdict(played: &Played) -> String {
    let failed = played.disappointments();
    if failed.is_empty() {
        return "<p class=\"verdict good\">Every expectation of the drill holds.</p>".into();
    }
    let lines: String = failed.iter().map(|line| format!("<li>{}</li>", escape(line))).collect();
    format!("<div class=\"verdict bad\"><p>Not as the drill expects:</p><ul>{lines}</ul></div>")
}

/// What the charts are drawn from.
#[derive(Serialize)]
struct Data {
    /// Seconds after midnight of the drill's start, in its own zone.
    midnight: i64,
    /// The day of the drill's start, in its own zone, counted from 1970.
    day: i64,
    breaks_at: f64,
    /// Until when the charts show at first.
    focus: f64,
    with: Option<Series>,
    without: Option<Series>,
    notes: Vec<(f64, &'static str, String)>,
    lanes: Vec<Lane>,
}

/// A bar under the charts: an alarm that is on, or a knob away from its configured value.
#[derive(Serialize)]
struct Lane {
    kind: &'static str,
    name: String,
    spans: Vec<(f64, f64, String)>,
}

fn data(played: &Played) -> String {
    let plan = &played.plan;
    let story = played.with.as_ref().map(|run| &run.story);
    let note = |note: &Note| (note.at.seconds(), note.of.label(), note.text.clone());
    let series = |run: &Option<Run>| run.as_ref().map(|run| Series::of(plan, run));
    let data = Data {
        day: plan.start.date_naive().signed_duration_since(chrono::NaiveDate::default()).num_days(),
        midnight: i64::from(chrono::Timelike::num_seconds_from_midnight(&plan.start)),
        breaks_at: plan.breaks_at().seconds(),
        focus: focus(played),
        with: series(&played.with),
        without: series(&played.without),
        notes: story.map(|story| story.notes.iter().map(note).collect()).unwrap_or_default(),
        lanes: played.with.as_ref().map(|run| lanes(plan, run)).unwrap_or_default(),
    };
    serde_json::to_string(&data).unwrap_or_default().replace('<', "\\u003c")
}

/// The charts begin with what matters: up to a while after users were safe in both runs.
fn focus(played: &Played) -> f64 {
    let eased = [&played.with, &played.without].into_iter().flatten().filter_map(|run| run.grade.mitigate_s);
    let end = Offset::after(played.plan.lasts).seconds();
    (played.plan.breaks_at().seconds() + eased.fold(60.0, f64::max) * 1.5 + 60.0).min(end)
}

fn lanes(plan: &Plan, run: &Run) -> Vec<Lane> {
    let end = Offset::after(plan.lasts).seconds();
    let mut lanes: Vec<Lane> = Vec::new();
    for turn in &run.story.alarms {
        let on = (turn.to == AlarmState::Alarm).then(|| turn.to.to_string());
        turned(&mut lanes, "alarm", &turn.alarm, turn.at.seconds(), on, end);
    }
    for turn in &run.story.knobs {
        turned(&mut lanes, "knob", &turn.knob, turn.at.seconds(), (!turn.home).then(|| turn.to.clone()), end);
    }
    lanes.retain(|lane| !lane.spans.is_empty());
    lanes
}

/// Ends the lane's last bar at this moment and begins the next, if there is one.
fn turned(lanes: &mut Vec<Lane>, kind: &'static str, name: &str, at: f64, next: Option<String>, end: f64) {
    let known = lanes.iter().position(|lane| lane.kind == kind && lane.name == name);
    let lane = known.unwrap_or_else(|| {
        lanes.push(Lane { kind, name: name.to_owned(), spans: Vec::new() });
        lanes.len() - 1
    });
    if let Some(open) = lanes[lane].spans.last_mut().filter(|span| span.1 > at) {
        open.1 = at;
    }
    lanes[lane].spans.extend(next.map(|value| (at, end, value)));
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
