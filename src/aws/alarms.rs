//! CloudWatch's alarms and composites, in our words and back.

use async_trait::async_trait;
use aws_sdk_cloudwatch::types::{
    self, AlarmType, ComparisonOperator, Dimension, MetricDataQuery, MetricStat, Statistic,
};

use super::{classify::Doing, cloudwatch::CloudWatch, fault::Fault};
use crate::deploy::{
    alarm::{Common, CompositeAlarm, DeployedAlarm, Metric, MetricAlarm},
    cloud::Cloud,
    plan::Resource,
};

#[async_trait]
impl Cloud<DeployedAlarm> for CloudWatch {
    async fn present(&self) -> Result<Vec<DeployedAlarm>, Fault> {
        let doing = Doing { action: "cloudwatch:DescribeAlarms", target: "all alarms" };
        let (mut metric, mut composite, mut token) = (Vec::new(), Vec::new(), None);
        loop {
            let call = self
                .client
                .describe_alarms()
                .alarm_types(AlarmType::MetricAlarm)
                .alarm_types(AlarmType::CompositeAlarm);
            let page = call.set_next_token(token).send().await.map_err(|e| doing.failed(e))?;
            metric.extend(page.metric_alarms().iter().map(|alarm| DeployedAlarm::Metric(metric_alarm(alarm))));
            composite
                .extend(page.composite_alarms().iter().map(|alarm| DeployedAlarm::Composite(composite_alarm(alarm))));
            token = page.next_token;
            if token.is_none() {
                metric.extend(composite);
                return Ok(metric);
            }
        }
    }

    async fn put(&self, alarm: &DeployedAlarm) -> Result<(), Fault> {
        match alarm {
            DeployedAlarm::Metric(alarm) => self.put_metric(alarm).await,
            DeployedAlarm::Composite(alarm) => self.put_composite(alarm).await,
        }
    }

    async fn delete(&self, alarm: &DeployedAlarm) -> Result<(), Fault> {
        let doing = Doing { action: "cloudwatch:DeleteAlarms", target: alarm.name() };
        self.client.delete_alarms().alarm_names(alarm.name()).send().await.map_err(|e| doing.failed(e)).map(drop)
    }
}

impl CloudWatch {
    async fn put_metric(&self, alarm: &MetricAlarm) -> Result<(), Fault> {
        let common = &alarm.common;
        let doing = Doing { action: "cloudwatch:PutMetricAlarm", target: &common.alarm_name };
        let call = self
            .client
            .put_metric_alarm()
            .alarm_name(&common.alarm_name)
            .alarm_description(&common.alarm_description)
            .actions_enabled(common.actions_enabled)
            .set_alarm_actions(Some(common.alarm_actions.clone()))
            .set_ok_actions(Some(common.ok_actions.clone()))
            .evaluation_periods(alarm.evaluation_periods)
            .datapoints_to_alarm(alarm.datapoints_to_alarm)
            .comparison_operator(ComparisonOperator::from(alarm.comparison_operator.as_str()))
            .threshold(alarm.threshold)
            .treat_missing_data(&alarm.treat_missing_data)
            .set_evaluate_low_sample_count_percentile(alarm.evaluate_low_sample_count_percentile.clone());
        let call = match alarm.metrics.as_slice() {
            [metric] if metric.expression.is_none() => {
                let call = call.namespace(&metric.namespace).metric_name(&metric.metric_name).period(metric.period);
                let call = call.set_dimensions(Some(dimensions(metric)));
                match metric.stat.starts_with('p') {
                    true => call.extended_statistic(&metric.stat),
                    false => call.statistic(Statistic::from(metric.stat.as_str())),
                }
            }
            several => call.set_metrics(Some(several.iter().map(query).collect())),
        };
        call.send().await.map_err(|e| doing.failed(e)).map(drop)
    }

    async fn put_composite(&self, alarm: &CompositeAlarm) -> Result<(), Fault> {
        let common = &alarm.common;
        let doing = Doing { action: "cloudwatch:PutCompositeAlarm", target: &common.alarm_name };
        let mut call = self
            .client
            .put_composite_alarm()
            .alarm_name(&common.alarm_name)
            .alarm_description(&common.alarm_description)
            .actions_enabled(common.actions_enabled)
            .set_alarm_actions(Some(common.alarm_actions.clone()))
            .set_ok_actions(Some(common.ok_actions.clone()))
            .alarm_rule(&alarm.alarm_rule);
        if let Some((suppressor, wait, extension)) = &alarm.actions_suppressor {
            call = call.actions_suppressor(suppressor);
            call = call.actions_suppressor_wait_period(*wait).actions_suppressor_extension_period(*extension);
        }
        call.send().await.map_err(|e| doing.failed(e)).map(drop)
    }
}

fn dimensions(metric: &Metric) -> Vec<Dimension> {
    metric.dimensions.iter().map(|(name, value)| Dimension::builder().name(name).value(value).build()).collect()
}

fn query(metric: &Metric) -> MetricDataQuery {
    let query =
        MetricDataQuery::builder().id(&metric.id).set_label(metric.label.clone()).return_data(metric.return_data);
    let Some(expression) = &metric.expression else {
        let source = types::Metric::builder().namespace(&metric.namespace).metric_name(&metric.metric_name);
        let source = source.set_dimensions(Some(dimensions(metric))).build();
        let stat = MetricStat::builder().metric(source).period(metric.period).stat(&metric.stat).build();
        return query.metric_stat(stat).build();
    };
    query.expression(expression).build()
}

fn metric_alarm(alarm: &types::MetricAlarm) -> MetricAlarm {
    let single = || Metric {
        return_data: true,
        namespace: text(alarm.namespace()),
        metric_name: text(alarm.metric_name()),
        dimensions: named(alarm.dimensions()),
        stat: alarm.extended_statistic().map_or_else(|| text(alarm.statistic().map(Statistic::as_str)), str::to_owned),
        period: alarm.period().unwrap_or_default(),
        ..Metric::default()
    };
    let several: Vec<_> = alarm.metrics().iter().map(part).collect();
    let periods = alarm.evaluation_periods().unwrap_or_default();
    MetricAlarm {
        common: Common {
            alarm_name: text(alarm.alarm_name()),
            alarm_description: text(alarm.alarm_description()),
            actions_enabled: alarm.actions_enabled().unwrap_or(true),
            alarm_actions: alarm.alarm_actions().to_vec(),
            ok_actions: alarm.ok_actions().to_vec(),
        },
        metrics: if several.is_empty() { vec![single()] } else { several },
        evaluation_periods: periods,
        datapoints_to_alarm: alarm.datapoints_to_alarm().unwrap_or(periods),
        comparison_operator: text(alarm.comparison_operator().map(ComparisonOperator::as_str)),
        threshold: alarm.threshold().unwrap_or_default(),
        treat_missing_data: alarm.treat_missing_data().unwrap_or("missing").to_owned(),
        evaluate_low_sample_count_percentile: alarm.evaluate_low_sample_count_percentile().map(str::to_owned),
    }
}

fn part(query: &MetricDataQuery) -> Metric {
    let stat = query.metric_stat();
    let metric = stat.and_then(|stat| stat.metric());
    Metric {
        id: text(query.id()),
        label: query.label().map(str::to_owned),
        return_data: query.return_data().unwrap_or(true),
        expression: query.expression().map(str::to_owned),
        namespace: text(metric.and_then(|metric| metric.namespace())),
        metric_name: text(metric.and_then(|metric| metric.metric_name())),
        dimensions: metric.map(|metric| named(metric.dimensions())).unwrap_or_default(),
        stat: text(stat.and_then(|stat| stat.stat())),
        period: stat.and_then(|stat| stat.period()).unwrap_or_default(),
    }
}

fn composite_alarm(alarm: &types::CompositeAlarm) -> CompositeAlarm {
    let suppressor = alarm.actions_suppressor().filter(|name| !name.is_empty()).map(|name| {
        let seconds = |span: Option<i32>| span.unwrap_or_default();
        let wait = seconds(alarm.actions_suppressor_wait_period());
        (name.to_owned(), wait, seconds(alarm.actions_suppressor_extension_period()))
    });
    CompositeAlarm {
        common: Common {
            alarm_name: text(alarm.alarm_name()),
            alarm_description: text(alarm.alarm_description()),
            actions_enabled: alarm.actions_enabled().unwrap_or(true),
            alarm_actions: alarm.alarm_actions().to_vec(),
            ok_actions: alarm.ok_actions().to_vec(),
        },
        alarm_rule: text(alarm.alarm_rule()),
        actions_suppressor: suppressor,
    }
}

fn named(dimensions: &[Dimension]) -> std::collections::BTreeMap<String, String> {
    dimensions.iter().map(|dimension| (text(dimension.name()), text(dimension.value()))).collect()
}

fn text(value: Option<&str>) -> String {
    value.unwrap_or_default().to_owned()
}
