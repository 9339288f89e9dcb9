//! CloudWatch: metrics to read, alarms and dashboards to deploy.

use std::collections::BTreeMap;

use aws_sdk_cloudwatch::{
    Client,
    types::{Dimension, Metric, MetricDataQuery, MetricDataResult, MetricStat, ScanBy, StatusCode},
};
use aws_smithy_types::DateTime;

use super::{account::Account, classify::Doing, fault::Fault};
use crate::{
    clock::Timestamp,
    controller::{
        query::MetricQuery,
        sense::{
            cloudwatch::{Found, MetricData},
            fetched::Wanted,
        },
    },
};

/// Queries in one GetMetricData call, at most.
pub const MOST_QUERIES: usize = 500;
/// Pages of one answer, at most: 100,800 points each are more than was asked for.
const MOST_PAGES: usize = 50;

/// CloudWatch in one account.
#[derive(Clone, Debug)]
pub struct CloudWatch {
    pub(super) client: Client,
}

impl CloudWatch {
    /// Nothing is asked before the first call.
    pub fn new(account: &Account) -> Self {
        Self { client: Client::new(account.config()) }
    }

    /// Every page of one GetMetricData call.
    async fn pages(
        &self,
        queries: &[MetricDataQuery],
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<MetricDataResult>, Fault> {
        let doing = Doing { action: "cloudwatch:GetMetricData", target: "the metrics that alarms ask for" };
        let mut results = Vec::new();
        let mut token = None;
        for _ in 0..MOST_PAGES {
            let call = self.client.get_metric_data().set_metric_data_queries(Some(queries.to_vec()));
            let call = call.start_time(seconds(from)).end_time(seconds(to)).scan_by(ScanBy::TimestampAscending);
            let page = call.set_next_token(token).send().await.map_err(|e| doing.failed(e))?;
            results.extend(page.metric_data_results.unwrap_or_default());
            token = page.next_token;
            if token.is_none() {
                return Ok(results);
            }
        }
        Err(Fault::Unsure(format!("GetMetricData still had more after {MOST_PAGES} pages; ask for a shorter time")))
    }
}

#[async_trait::async_trait]
impl MetricData for CloudWatch {
    async fn points(&self, wanted: &[Wanted]) -> Result<Vec<Found>, Fault> {
        let mut found = Vec::with_capacity(wanted.len());
        for batch in wanted.chunks(MOST_QUERIES) {
            let queries: Vec<_> = batch.iter().enumerate().map(|(id, wanted)| query(id, &wanted.query)).collect();
            let from = batch.iter().map(|wanted| wanted.from).min().unwrap_or_default();
            let to = batch.iter().map(|wanted| wanted.to).max().unwrap_or_default();
            let mut by_id: BTreeMap<String, Found> = BTreeMap::new();
            for result in self.pages(&queries, from, to).await? {
                take(by_id.entry(result.id.clone().unwrap_or_default()).or_default(), &result);
            }
            found.extend((0..batch.len()).map(|id| by_id.remove(&format!("m{id}")).unwrap_or_default()));
        }
        Ok(found)
    }
}

/// Adds one page's points of a series.
fn take(found: &mut Found, page: &MetricDataResult) {
    let times = page.timestamps().iter().map(|at| Timestamp(at.to_millis().unwrap_or_default()));
    found.points.extend(times.zip(page.values().iter().copied()));
    if matches!(page.status_code, Some(StatusCode::InternalError | StatusCode::Forbidden)) {
        let told: Vec<_> = page.messages().iter().filter_map(|message| message.value()).collect();
        let code = page.status_code.as_ref().map_or("", StatusCode::as_str);
        found.trouble = Some(format!("CloudWatch answers {code} {}", told.join("; ")).trim_end().to_owned());
    }
}

fn query(id: usize, query: &MetricQuery) -> MetricDataQuery {
    let metric = Metric::builder()
        .namespace(&query.namespace)
        .metric_name(&query.metric)
        .set_dimensions(Some(dimensions(query)));
    let stat = MetricStat::builder()
        .metric(metric.build())
        .period(i32::try_from(query.period.as_secs()).unwrap_or(i32::MAX))
        .stat(query.statistic.to_string());
    MetricDataQuery::builder().id(format!("m{id}")).metric_stat(stat.build()).build()
}

/// A query's labels as CloudWatch's dimensions.
pub(super) fn dimensions(query: &MetricQuery) -> Vec<Dimension> {
    query.dimensions.iter().map(|(name, value)| Dimension::builder().name(name).value(value).build()).collect()
}

fn seconds(at: Timestamp) -> DateTime {
    DateTime::from_millis(at.0)
}
