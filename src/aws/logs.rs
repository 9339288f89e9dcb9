//! CloudWatch Logs: counting codes with Logs Insights.

use std::time::Duration;

use aws_sdk_cloudwatchlogs::{Client, types::QueryStatus};
use chrono::NaiveDateTime;

use super::{account::Account, classify::Doing, fault::Fault};
use crate::{
    clock::Timestamp,
    controller::sense::logs::{LogCounts, LogQuery},
};

/// How long an Insights query may take, and how often it is looked at.
const PATIENCE: Duration = Duration::from_secs(60);
const BETWEEN_LOOKS: Duration = Duration::from_millis(500);
/// Rows of one answer.
const MOST_ROWS: i32 = 10_000;

/// Logs in one account.
#[derive(Clone, Debug)]
pub struct Logs(Client);

impl Logs {
    /// Nothing is asked before the first call.
    pub fn new(account: &Account) -> Self {
        Self(Client::new(account.config()))
    }

    async fn rows(&self, query: &LogQuery, id: &str) -> Result<Vec<Vec<(String, String)>>, Fault> {
        let doing = Doing { action: "logs:GetQueryResults", target: &query.group };
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while tokio::time::Instant::now() < deadline {
            let answer = self.0.get_query_results().query_id(id).send().await.map_err(|e| doing.failed(e))?;
            match answer.status() {
                Some(QueryStatus::Complete) => {
                    let cell = |cell: &aws_sdk_cloudwatchlogs::types::ResultField| {
                        Some((cell.field()?.to_owned(), cell.value()?.to_owned()))
                    };
                    return Ok(answer.results().iter().map(|row| row.iter().filter_map(cell).collect()).collect());
                }
                Some(QueryStatus::Running | QueryStatus::Scheduled) => tokio::time::sleep(BETWEEN_LOOKS).await,
                other => {
                    let status = other.map_or("nothing", QueryStatus::as_str);
                    return Err(Fault::Unsure(format!("the log query `{}` ended as {status}", query.name)));
                }
            }
        }
        Err(Fault::Unsure(format!("the log query `{}` was not done within {} s", query.name, PATIENCE.as_secs())))
    }
}

#[async_trait::async_trait]
impl LogCounts for Logs {
    async fn count(
        &self,
        query: &LogQuery,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<(Timestamp, String, u64)>, Fault> {
        let doing = Doing { action: "logs:StartQuery", target: &query.group };
        let started = self.0.start_query().log_group_name(&query.group).query_string(insights(query)).limit(MOST_ROWS);
        // Insights takes whole seconds, both ends included.
        let started = started.start_time(from.seconds()).end_time(to.seconds() - 1).send().await;
        let started = started.map_err(|e| doing.failed(e))?;
        let rows = self.rows(query, started.query_id().unwrap_or_default()).await?;
        Ok(rows.iter().filter_map(|row| read(query, row)).collect())
    }
}

/// The query in Insights' language.
fn insights(query: &LogQuery) -> String {
    let LogQuery { filter, field, every, .. } = query;
    let filter = filter.as_ref().map(|filter| format!(" | filter {filter}")).unwrap_or_default();
    format!("filter ispresent({field}){filter} | stats count(*) as n by {field}, bin({}s) as bin", every.0.as_secs())
}

/// One row: a bin's start, a code and a count.
fn read(query: &LogQuery, row: &[(String, String)]) -> Option<(Timestamp, String, u64)> {
    let cell = |name: &str| row.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str());
    let bin = NaiveDateTime::parse_from_str(cell("bin")?, "%Y-%m-%d %H:%M:%S%.f").ok()?;
    Some((bin.and_utc().into(), cell(&query.field)?.to_owned(), cell("n")?.parse().ok()?))
}
