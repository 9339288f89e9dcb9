//! CloudWatch Logs: one Insights query shape (`filter` on a field, `stats count(*) by FIELD, bin(…)`) and plain filters.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Answer, AwsError};

#[derive(Debug, Default)]
pub struct Logs {
    /// Events by log group: time in milliseconds and a JSON message.
    pub groups: BTreeMap<String, Vec<(i64, Value)>>,
    /// How often GetQueryResults says `Running` before it is done.
    pub slow: u32,
    running: BTreeMap<String, (u32, Value)>,
}

impl Logs {
    pub fn answer(&mut self, operation: &str, body: &Value) -> Answer {
        match operation {
            "StartQuery" => self.start(body),
            "GetQueryResults" => self.results(body),
            "FilterLogEvents" => self.filter(body),
            other => Err(AwsError::unknown(other)),
        }
    }

    fn group(&self, body: &Value) -> Result<&Vec<(i64, Value)>, AwsError> {
        let name = body["logGroupName"].as_str().unwrap_or_default();
        let missing = || AwsError::new(400, "ResourceNotFoundException", format!("Log group {name} does not exist"));
        self.groups.get(name).ok_or_else(missing)
    }

    fn start(&mut self, body: &Value) -> Answer {
        let text = body["queryString"].as_str().unwrap_or_default();
        let malformed = || AwsError::new(400, "MalformedQueryException", format!("cannot read the query: {text}"));
        let (_, stats) = text.split_once("| stats ").ok_or_else(malformed)?;
        let (_, by) = stats.split_once(" by ").ok_or_else(malformed)?;
        let (field, bin) = by.split_once(", bin(").ok_or_else(malformed)?;
        let bin: i64 = bin.trim_end().trim_end_matches("s) as bin").parse().map_err(|_| malformed())?;
        let (from, to) =
            (body["startTime"].as_i64().unwrap_or(0) * 1_000, body["endTime"].as_i64().unwrap_or(0) * 1_000);
        let mut counts: BTreeMap<(i64, String), u64> = BTreeMap::new();
        for (at, message) in self.group(body)? {
            if let (true, Some(value)) = ((from..to).contains(at), message[field].as_str()) {
                *counts.entry((at.div_euclid(bin * 1_000) * bin, value.to_owned())).or_default() += 1;
            }
        }
        let cell = |name: &str, value: String| json!({ "field": name, "value": value });
        let row = |((at, value), n): (&(i64, String), &u64)| {
            json!([cell(field, value.clone()), cell("bin", wall(*at)), cell("n", n.to_string())])
        };
        let rows: Vec<_> = counts.iter().map(row).collect();
        let id = format!("query-{}", self.running.len());
        self.running.insert(id.clone(), (self.slow, json!(rows)));
        Ok(json!({ "queryId": id }))
    }

    fn results(&mut self, body: &Value) -> Answer {
        let id = body["queryId"].as_str().unwrap_or_default();
        let missing = || AwsError::new(400, "ResourceNotFoundException", "no such query");
        let (waits, rows) = self.running.get_mut(id).ok_or_else(missing)?;
        if *waits > 0 {
            *waits -= 1;
            return Ok(json!({ "status": "Running", "results": [] }));
        }
        Ok(json!({ "status": "Complete", "results": rows }))
    }

    fn filter(&mut self, body: &Value) -> Answer {
        let words = body["filterPattern"].as_str().unwrap_or_default().trim_matches('"').to_owned();
        let (from, to) = (body["startTime"].as_i64().unwrap_or(0), body["endTime"].as_i64().unwrap_or(i64::MAX));
        let matching = |(at, message): &&(i64, Value)| (from..to).contains(at) && message.to_string().contains(&words);
        let shown = |(at, message): &(i64, Value)| json!({ "timestamp": at, "message": message.to_string(), "logStreamName": "s" });
        Ok(json!({ "events": self.group(body)?.iter().filter(matching).map(shown).collect::<Vec<_>>() }))
    }
}

/// `2026-11-20 03:00:00.000`, as Insights shows times.
fn wall(seconds: i64) -> String {
    let at = chrono::DateTime::from_timestamp(seconds, 0).expect("in range");
    at.format("%Y-%m-%d %H:%M:%S%.3f").to_string()
}
