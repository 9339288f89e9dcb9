//! From what a file says to an alarm that cannot be wrong, with every mistake at its place.

use std::{collections::BTreeMap, str::FromStr, time::Duration};

use super::{
    file,
    math::{Inputs, Value, evaluate::evaluate, parser},
    points::{Quorum, Treatment},
    rule::{Alarm, Card, Input, Math, Measure, Source},
};
use crate::{
    config::{
        document::{Document, Spanned},
        problem::{Misprint, Problems},
    },
    controller::query::{MetricQuery, OWN_NAMESPACE, Statistic},
    units::TimeSpan,
};

const DAY: Duration = Duration::from_secs(86_400);
const MINUTE: Duration = Duration::from_secs(60);
/// How many points beyond N an evaluation looks at unless the alarm says otherwise, as in AWS's examples.
const SPARE_POINTS: usize = 2;
/// More points than any alarm needs: a week of minutes.
const MOST_POINTS: usize = 10_080;

/// A document that is being read.
pub(super) struct Reader<'a> {
    pub document: &'a Document,
    pub problems: &'a mut Problems,
}

impl Reader<'_> {
    /// Notes a mistake at a value.
    pub fn wrong<T>(&mut self, at: &Spanned<T>, what: impl Into<String>) {
        self.problems.add(&self.document.place_of(at), what);
    }

    /// Notes a mistake inside a text value.
    pub fn misprint(&mut self, text: &Spanned<String>, misprint: &Misprint) {
        self.problems.add(&self.document.place_in(text, misprint.at), misprint.what.clone());
    }

    fn word<T: FromStr<Err = String>>(&mut self, text: &Spanned<String>) -> Option<T> {
        text.value.parse().map_err(|what| self.wrong(text, what)).ok()
    }

    /// A name that CloudWatch takes, too.
    pub fn name(&mut self, name: &Spanned<String>) {
        let text = &name.value;
        if text.is_empty() || text.chars().count() > 255 || text.contains(|c: char| c.is_control() || c == '"') {
            self.wrong(name, "an alarm's name has 1 to 255 characters, none of them a quote. Choose another");
        }
    }

    /// A whole alarm; `None` when something is wrong with it.
    pub fn alarm(&mut self, raw: file::Alarm) -> Option<Alarm> {
        self.name(&raw.alarm);
        let measure = self.measure(&raw);
        let comparison = self.word(&raw.comparison_operator);
        let missing = raw.treat_missing_data.as_ref().map_or(Some(Treatment::default()), |text| self.word(text));
        let ignore_few_samples = self.few_samples(&raw);
        let (quorum, range) = self.quorum(&raw)?;
        self.periods(&raw, quorum);
        if !raw.threshold.value.is_finite() {
            self.wrong(&raw.threshold, "the threshold is not a number");
        }
        let card = Card {
            name: raw.alarm.value.as_str().into(),
            description: raw.description,
            severity: raw.severity,
            runbook: raw.runbook,
            links: raw.links,
            actions_enabled: raw.actions_enabled,
            deploy: raw.deploy,
            place: self.document.place_of(&raw.alarm),
        };
        Some(Alarm {
            card,
            measure: measure?,
            comparison: comparison?,
            threshold: raw.threshold.value,
            quorum,
            range,
            missing: missing?,
            ignore_few_samples: ignore_few_samples?,
            pending: raw.pending.0,
            recovery: raw.recovery.0,
            deployed_period: raw.deployed_period.map(|period| period.value.0),
        })
    }

    fn measure(&mut self, raw: &file::Alarm) -> Option<Measure> {
        let period = raw.period.value.0;
        match (&raw.metric, &raw.metrics) {
            (Some(metric), None) => {
                let statistic = raw.statistic.as_ref();
                self.query(raw.namespace.as_ref(), metric, &raw.dimensions, statistic, period).map(Measure::Metric)
            }
            (None, Some(inputs)) => {
                if let Some(spare) = raw.statistic.as_ref().or(raw.namespace.as_ref()) {
                    self.wrong(
                        spare,
                        "with `metrics:`, each entry has its own namespace and statistic. Move this there",
                    );
                }
                self.math(&raw.alarm, inputs, period).map(Measure::Math)
            }
            (None, None) => {
                self.wrong(&raw.alarm, "an alarm needs `metric:` with `statistic:`, or `metrics:` with an expression");
                None
            }
            (Some(metric), Some(_)) => {
                self.wrong(metric, "an alarm has either `metric:` or `metrics:`. Take one away");
                None
            }
        }
    }

    fn query(
        &mut self,
        namespace: Option<&Spanned<String>>,
        metric: &Spanned<String>,
        dimensions: &BTreeMap<String, String>,
        statistic: Option<&Spanned<String>>,
        period: Duration,
    ) -> Option<MetricQuery> {
        let Some(statistic) = statistic else {
            self.wrong(metric, "say which `statistic:` of it: Sum, Average, Minimum, Maximum, SampleCount or p95");
            return None;
        };
        let query = MetricQuery {
            namespace: namespace.map_or(OWN_NAMESPACE, |namespace| &namespace.value).to_owned(),
            metric: metric.value.clone(),
            dimensions: dimensions.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
            statistic: self.word::<Statistic>(statistic)?,
            period,
        };
        if let Some(mistake) = query.mistake() {
            self.wrong(metric, mistake);
            return None;
        }
        if query.namespace != OWN_NAMESPACE && period < MINUTE {
            self.wrong(metric, format!("{} keeps one point a minute. Use a period of 1m or more", query.namespace));
        }
        Some(query)
    }

    fn math(&mut self, alarm: &Spanned<String>, raw: &[Spanned<file::Input>], period: Duration) -> Option<Math> {
        let mut inputs = Vec::new();
        for input in raw {
            inputs.push(self.input(&input.value, period));
            if raw.iter().filter(|other| other.value.id.value == input.value.id.value).count() > 1 {
                self.wrong(&input.value.id, format!("two metrics have the id `{}`. Rename one", input.value.id.value));
            }
        }
        let returned = self.returned(alarm, raw)?;
        let inputs: Vec<Input> = inputs.into_iter().collect::<Option<_>>()?;
        let order = self.order(raw, &inputs, returned, period)?;
        Some(Math { inputs, order, returned, period })
    }

    fn input(&mut self, raw: &file::Input, period: Duration) -> Option<Input> {
        let id = &raw.id.value;
        let fits = id.starts_with(|c: char| c.is_ascii_lowercase())
            && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            && id.len() <= 255;
        if !fits {
            self.wrong(&raw.id, "an id starts with a small letter and goes on with letters, digits and underscores");
        }
        let source = match (&raw.metric, &raw.expression) {
            (Some(metric), None) => {
                let statistic = raw.statistic.as_ref();
                Source::Metric(self.query(raw.namespace.as_ref(), metric, &raw.dimensions, statistic, period)?)
            }
            (None, Some(text)) => match parser::parse(&text.value) {
                Ok(expr) => Source::Expression(text.value.clone(), expr),
                Err(misprint) => {
                    self.misprint(text, &misprint);
                    return None;
                }
            },
            _ => {
                self.wrong(&raw.id, "an entry has either a `metric:` or an `expression:`");
                return None;
            }
        };
        Some(Input { id: id.clone(), label: raw.label.clone(), source })
    }

    /// The one input that the alarm judges: the one that says so, or the only expression.
    fn returned(&mut self, alarm: &Spanned<String>, raw: &[Spanned<file::Input>]) -> Option<usize> {
        let that = |chosen: &dyn Fn(&file::Input) -> bool| -> Vec<usize> {
            raw.iter().enumerate().filter(|(_, input)| chosen(&input.value)).map(|(at, _)| at).collect()
        };
        let named = that(&|input| input.return_data == Some(true));
        let candidates = if named.is_empty() { that(&|input| input.expression.is_some()) } else { named };
        match candidates[..] {
            [one] => Some(one),
            _ => {
                self.wrong(alarm, "exactly one entry of `metrics:` is judged. Mark it with `return_data: true`");
                None
            }
        }
    }

    /// Works every expression out over empty series, in an order in which each follows those that it uses.
    fn order(
        &mut self,
        raw: &[Spanned<file::Input>],
        inputs: &[Input],
        returned: usize,
        period: Duration,
    ) -> Option<Vec<usize>> {
        let mut known = Inputs { period: period.as_secs_f64(), length: 1, ..Inputs::default() };
        known.metrics = inputs.iter().filter(|input| input.query().is_some()).map(|input| input.id.clone()).collect();
        known.values = known.metrics.iter().map(|id| (id.clone(), Value::Series(vec![None]))).collect();
        let mut open: Vec<usize> = (0..inputs.len()).filter(|at| inputs[*at].query().is_none()).collect();
        let mut order = Vec::new();
        while let Some(next) = open.iter().position(|at| self.waits_for_none(&inputs[*at], inputs, &known)) {
            let at = open.remove(next);
            let (Source::Expression(_, expr), Some(text)) = (&inputs[at].source, &raw[at].value.expression) else {
                continue;
            };
            match evaluate(expr, &known) {
                Ok(Value::Series(_)) => {}
                Ok(_) if at != returned => {}
                Ok(Value::Number(_)) => self.wrong(text, "this is a single number, but an alarm judges a series"),
                Ok(Value::Many(_)) => {
                    self.wrong(text, "this is several series, but an alarm judges one. Use SUM, AVG, MIN or MAX");
                }
                Err(misprint) => {
                    self.misprint(text, &misprint);
                    return None;
                }
            }
            known.values.insert(inputs[at].id.clone(), evaluate(expr, &known).unwrap_or(Value::Number(None)));
            order.push(at);
        }
        for at in &open {
            self.wrong(&raw[*at].value.id, "this expression uses itself, directly or through others. Break the circle");
        }
        open.is_empty().then_some(order)
    }

    fn waits_for_none(&self, input: &Input, inputs: &[Input], known: &Inputs) -> bool {
        let Source::Expression(_, expr) = &input.source else { return true };
        let is_input = |id: &str| inputs.iter().any(|input| input.id == id);
        expr.ids().iter().all(|(id, _)| known.values.contains_key(*id) || !is_input(id))
    }

    fn few_samples(&mut self, raw: &file::Alarm) -> Option<bool> {
        match &raw.evaluate_low_sample_count_percentile {
            None => Some(false),
            Some(text) if text.value == "evaluate" => Some(false),
            Some(text) if text.value == "ignore" => Some(true),
            Some(text) => {
                self.wrong(text, format!("`{}` is not known here: use evaluate or ignore", text.value));
                None
            }
        }
    }

    fn quorum(&mut self, raw: &file::Alarm) -> Option<(Quorum, usize)> {
        let n = raw.evaluation_periods.as_ref().map_or(1, |n| n.value);
        let m = raw.datapoints_to_alarm.as_ref().map_or(n, |m| m.value);
        let range = raw.evaluation_range.as_ref().map_or(n.saturating_add(SPARE_POINTS), |range| range.value);
        if let Some(given) = raw.evaluation_periods.as_ref().filter(|n| !(1..=MOST_POINTS).contains(&n.value)) {
            self.wrong(given, format!("evaluation_periods lies between 1 and {MOST_POINTS}"));
            return None;
        }
        if let Some(given) = raw.datapoints_to_alarm.as_ref().filter(|m| !(1..=n).contains(&m.value)) {
            self.wrong(given, format!("datapoints_to_alarm lies between 1 and evaluation_periods, which is {n}"));
            return None;
        }
        if let Some(given) = raw.evaluation_range.as_ref().filter(|range| !(n..=n + MOST_POINTS).contains(&range.value))
        {
            self.wrong(given, format!("evaluation_range is at least evaluation_periods, which is {n}"));
            return None;
        }
        Some((Quorum { m, n }, range))
    }

    fn periods(&mut self, raw: &file::Alarm, quorum: Quorum) {
        let period = raw.period.value.0;
        if period.is_zero() || period > DAY || period.subsec_nanos() > 0 {
            return self.wrong(&raw.period, "a period is a whole number of seconds, from 1s to 1d");
        }
        if !raw.deploy {
            return;
        }
        let given = raw.deployed_period.as_ref().unwrap_or(&raw.period);
        let deployed = given.value.0;
        if !matches!(deployed.as_secs(), 10 | 20 | 30) && (deployed.is_zero() || !deployed.as_secs().is_multiple_of(60))
        {
            let what = "CloudWatch takes periods of 10s, 20s, 30s or whole minutes. Set `deployed_period:` to one of them \
                        for its copy, or `deploy: false` to keep the alarm here";
            return self.wrong(given, what);
        }
        let longest = if deployed < Duration::from_secs(3_600) { DAY } else { DAY * 7 };
        if deployed.saturating_mul(quorum.n as u32) > longest {
            let what =
                format!("CloudWatch looks back {} at most, which is less than {} periods", TimeSpan(longest), quorum.n);
            self.wrong(given, what);
        }
    }
}
