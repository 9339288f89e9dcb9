//! CloudWatch's dashboards.

use async_trait::async_trait;

use super::{classify::Doing, cloudwatch::CloudWatch, fault::Fault};
use crate::deploy::{
    cloud::Cloud,
    dashboard::{DeployedDashboard, PREFIX},
};

#[async_trait]
impl Cloud<DeployedDashboard> for CloudWatch {
    /// Those whose names begin like ours.
    async fn present(&self) -> Result<Vec<DeployedDashboard>, Fault> {
        let (mut names, mut token) = (Vec::new(), None);
        let doing = Doing { action: "cloudwatch:ListDashboards", target: "our dashboards" };
        loop {
            let call = self.client.list_dashboards().dashboard_name_prefix(PREFIX).set_next_token(token);
            let page = call.send().await.map_err(|e| doing.failed(e))?;
            names.extend(page.dashboard_entries().iter().filter_map(|entry| entry.dashboard_name().map(str::to_owned)));
            token = page.next_token;
            if token.is_none() {
                break;
            }
        }
        let mut dashboards = Vec::with_capacity(names.len());
        for name in names {
            let doing = Doing { action: "cloudwatch:GetDashboard", target: &name };
            let found = self.client.get_dashboard().dashboard_name(&name).send().await.map_err(|e| doing.failed(e))?;
            let body = serde_json::from_str(found.dashboard_body().unwrap_or_default()).unwrap_or_default();
            dashboards.push(DeployedDashboard { name, body });
        }
        Ok(dashboards)
    }

    async fn put(&self, dashboard: &DeployedDashboard) -> Result<(), Fault> {
        let doing = Doing { action: "cloudwatch:PutDashboard", target: &dashboard.name };
        let call =
            self.client.put_dashboard().dashboard_name(&dashboard.name).dashboard_body(dashboard.body.to_string());
        let put = call.send().await.map_err(|e| doing.failed(e))?;
        let complaints: Vec<_> = put.dashboard_validation_messages().iter().filter_map(|m| m.message()).collect();
        if complaints.is_empty() {
            return Ok(());
        }
        Err(Fault::refused(format!("CloudWatch shows {} only in part: {}", dashboard.name, complaints.join("; "))))
    }

    async fn delete(&self, dashboard: &DeployedDashboard) -> Result<(), Fault> {
        let doing = Doing { action: "cloudwatch:DeleteDashboards", target: &dashboard.name };
        let call = self.client.delete_dashboards().dashboard_names(&dashboard.name);
        call.send().await.map_err(|e| doing.failed(e)).map(drop)
    }
}
