//! What the files of `dashboards/` say, checked: panels of graphs, numbers, alarms and text, in rows of 24 columns.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::{
    config::{
        document::{Document, Spanned},
        files::Files,
        problem::{Place, Problems},
    },
    controller::{
        judge::rules::Rules,
        query::{MetricQuery, OWN_NAMESPACE},
    },
    units::TimeSpan,
};

/// How wide a dashboard is.
pub const COLUMNS: u32 = 24;

#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct RawBoard {
    #[schemars(with = "String")]
    dashboard: Spanned<String>,
    title: String,
    panels: Vec<RawPanel>,
}

/// One of the first four says what it is.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct RawPanel {
    #[schemars(with = "Option<String>")]
    graph: Option<Spanned<String>>,
    #[schemars(with = "Option<String>")]
    number: Option<Spanned<String>>,
    #[schemars(with = "Option<String>")]
    alarms: Option<Spanned<String>>,
    #[schemars(with = "Option<String>")]
    text: Option<Spanned<String>>,
    width: Option<u32>,
    height: Option<u32>,
    #[serde(default)]
    stacked: bool,
    #[serde(default = "a_minute")]
    period: TimeSpan,
    #[serde(default)]
    #[schemars(with = "Vec<RawMetric>")]
    metrics: Vec<Spanned<RawMetric>>,
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    names: Vec<Spanned<String>>,
    #[serde(default)]
    lines: Vec<Line>,
    max: Option<f64>,
}

#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct RawMetric {
    metric: String,
    namespace: Option<String>,
    #[serde(default)]
    dimensions: BTreeMap<String, String>,
    statistic: String,
    label: Option<String>,
}

fn a_minute() -> TimeSpan {
    TimeSpan::secs(60)
}

/// A horizontal line: an alarm's threshold.
#[derive(Clone, Debug, PartialEq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// Where.
    pub at: f64,
    /// What it means.
    pub label: String,
}

/// One dashboard.
#[derive(Clone, Debug, PartialEq)]
pub struct Board {
    /// Its name, unique.
    pub name: String,
    /// What people see above it.
    pub title: String,
    /// Its panels, each with its place.
    pub panels: Vec<Panel>,
}

/// A panel and where it lies.
#[derive(Clone, Debug, PartialEq)]
pub struct Panel {
    /// What it shows.
    pub content: Content,
    /// Left edge, top edge, width, height: in columns and rows.
    pub area: [u32; 4],
}

/// What a panel shows.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// Lines over time, or single numbers.
    Metrics(Metrics),
    /// How alarms stand.
    Alarms(String, Vec<String>),
    /// Markdown.
    Text(String),
}

/// Measurements to show.
#[derive(Clone, Debug, PartialEq)]
pub struct Metrics {
    /// Above the panel.
    pub title: String,
    /// As single numbers instead of lines.
    pub as_number: bool,
    /// One upon the other.
    pub stacked: bool,
    /// What, each with its label.
    pub series: Vec<(MetricQuery, Option<String>)>,
    /// Thresholds.
    pub lines: Vec<Line>,
    /// The top of the scale.
    pub max: Option<f64>,
}

/// The JSON Schema of a dashboard.
pub fn schema() -> schemars::Schema {
    schemars::schema_for!(RawBoard)
}

/// The dashboards of `dashboards/`. What is wrong is noted; the rest is still there.
pub fn load(files: &Files, rules: &Rules, problems: &mut Problems) -> Vec<Board> {
    let mut boards: Vec<Board> = Vec::new();
    for file in files.below("dashboards/") {
        for document in Document::split(&file.path, &file.text) {
            let Some(raw) = document.read::<RawBoard>(problems) else { continue };
            let place = document.place_of(&raw.dashboard);
            if boards.iter().any(|board| board.name == raw.dashboard.value) {
                problems.add(&place, format!("`{}` is defined twice. Rename one of them", raw.dashboard.value));
            }
            if !raw.dashboard.value.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c)) {
                problems.add(&place, "a dashboard's name has letters, digits, `-` and `_` only. Leave out the others");
            }
            let contents = raw.panels.into_iter().filter_map(|panel| {
                let wished = [panel.width, panel.height];
                Some((panel.check(&document, rules, problems)?, wished))
            });
            let panels = lay_out(contents.collect());
            boards.push(Board { name: raw.dashboard.value, title: raw.title, panels });
        }
    }
    boards
}

/// Left to right, then the next row, as tall as the row's tallest.
fn lay_out(contents: Vec<(Content, [Option<u32>; 2])>) -> Vec<Panel> {
    let (mut x, mut y, mut tallest) = (0, 0, 0);
    let place = |(content, [width, height]): (Content, [Option<u32>; 2])| {
        let usual = content.usual_size();
        let (width, height) = (width.unwrap_or(usual.0).clamp(1, COLUMNS), height.unwrap_or(usual.1).max(1));
        if x + width > COLUMNS {
            (x, y, tallest) = (0, y + tallest, 0);
        }
        let area = [x, y, width, height];
        (x, tallest) = (x + width, tallest.max(height));
        Panel { content, area }
    };
    contents.into_iter().map(place).collect()
}

impl Content {
    fn usual_size(&self) -> (u32, u32) {
        match self {
            Self::Metrics(Metrics { as_number: true, .. }) => (6, 4),
            Self::Metrics(_) => (12, 6),
            Self::Alarms(..) => (24, 4),
            Self::Text(_) => (24, 2),
        }
    }
}

impl RawPanel {
    fn check(self, document: &Document, rules: &Rules, problems: &mut Problems) -> Option<Content> {
        match (&self.graph, &self.number, &self.alarms, &self.text) {
            (Some(title), None, None, None) => Some(self.metrics(title, false, document, problems)),
            (None, Some(title), None, None) => Some(self.metrics(title, true, document, problems)),
            (None, None, Some(title), None) => {
                for name in &self.names {
                    if let Some(mistake) = rules.mistake(&name.value) {
                        problems.add(&document.place_of(name), mistake);
                    }
                }
                let names = self.names.iter().map(|name| name.value.clone()).collect();
                Some(Content::Alarms(title.value.clone(), names))
            }
            (None, None, None, Some(text)) => Some(Content::Text(text.value.clone())),
            _ => {
                let first = [&self.graph, &self.number, &self.alarms, &self.text].into_iter().flatten().next();
                let place = first.map_or_else(|| document.find("panels"), |first| document.place_of(first));
                problems.add(&place, "a panel is exactly one of `graph`, `number`, `alarms` and `text`");
                None
            }
        }
    }

    fn metrics(
        &self,
        title: &Spanned<String>,
        as_number: bool,
        document: &Document,
        problems: &mut Problems,
    ) -> Content {
        if self.metrics.is_empty() {
            problems.add(&document.place_of(title), "the panel shows nothing: give it `metrics`");
        }
        let series =
            self.metrics.iter().filter_map(|metric| self.series(&metric.value, &document.place_of(metric), problems));
        Content::Metrics(Metrics {
            title: title.value.clone(),
            as_number,
            stacked: self.stacked,
            series: series.collect(),
            lines: self.lines.clone(),
            max: self.max,
        })
    }

    fn series(&self, raw: &RawMetric, place: &Place, problems: &mut Problems) -> Option<(MetricQuery, Option<String>)> {
        let statistic = raw.statistic.parse().map_err(|what: String| problems.add(place, what)).ok()?;
        let query = MetricQuery {
            namespace: raw.namespace.clone().unwrap_or_else(|| OWN_NAMESPACE.to_owned()),
            metric: raw.metric.clone(),
            dimensions: raw.dimensions.clone().into_iter().collect(),
            statistic,
            period: self.period.0,
        };
        if let Some(mistake) = query.mistake() {
            problems.add(place, mistake);
        }
        Some((query, raw.label.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Vec<Board>, Vec<String>) {
        let mut problems = Problems::default();
        let boards = load(&Files::of([("dashboards/a.yaml", text)]), &Rules::default(), &mut problems);
        (boards, problems.sorted().iter().map(ToString::to_string).collect())
    }

    #[test]
    fn panels_flow_from_left_to_right_in_rows_as_tall_as_their_tallest() {
        let (boards, problems) = read(
            "dashboard: a\ntitle: A\npanels:\n  - { text: one, width: 16, height: 3 }\n  - { text: two, width: 8, height: 5 }\n  - { text: three }\n",
        );
        let areas: Vec<_> = boards[0].panels.iter().map(|panel| panel.area).collect();
        assert_eq!((areas, problems), (vec![[0, 0, 16, 3], [16, 0, 8, 5], [0, 5, 24, 2]], vec![]));
    }

    #[test]
    fn a_metric_an_alarm_and_a_statistic_that_do_not_exist_are_named_with_their_places() {
        let (_, problems) = read(
            "dashboard: a\ntitle: A\npanels:\n  - graph: g\n    metrics:\n      - { metric: answer, statistic: Sum }\n      - { metric: answers, statistic: Most }\n  - { alarms: x, names: [Nobody] }\n",
        );
        let places: Vec<_> = problems.iter().map(|problem| problem.split(": ").next().unwrap_or_default()).collect();
        assert_eq!(
            places,
            ["dashboards/a.yaml:6:9", "dashboards/a.yaml:7:9", "dashboards/a.yaml:8:26"],
            "{problems:#?}"
        );
    }
}
