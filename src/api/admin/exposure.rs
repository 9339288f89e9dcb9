//! Who was served what, and what it should have been: the exposure trail and the live catalogue over the admin API.

use std::path::PathBuf;

use axum::{
    Json,
    extract::{Query, State},
};
use serde::{Deserialize, Serialize};

use super::{AdminError, Shared};
use crate::{
    clock::Timestamp,
    engine::{
        exposure::file::{Row, TrailFile, Wanted},
        price::catalogue::{Catalogue, LivePrices, Subject},
        understand::{InForce, Understanding},
    },
    ids::TenantId,
    money::Money,
};

/// Rows of one answer.
const MOST: usize = 5_000;

/// What the exposure routes work on.
pub struct Exposure {
    /// The trail's file.
    pub file: PathBuf,
    /// The live catalogue, if there is one.
    pub catalogue: Option<Catalogue>,
    /// Titles and their aliases.
    pub understanding: InForce,
}

/// Which rows.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    product: Option<String>,
    from: i64,
    to: i64,
    #[serde(default)]
    after: i64,
}

/// A page of the trail.
#[derive(Debug, Serialize, Deserialize)]
pub struct Page {
    /// The tags that the product stands for; empty for all products.
    pub products: Vec<String>,
    /// The rows.
    pub rows: Vec<Row>,
    /// Where the next page starts; `None` after the last.
    pub next: Option<i64>,
}

/// `GET /api/v1/exposure?product=&from=&to=&after=`: times in milliseconds since 1970.
pub(super) async fn served(State(desk): Shared, Query(asked): Query<Asked>) -> Result<Json<Page>, AdminError> {
    let exposure = desk.exposure.as_ref().ok_or_else(|| AdminError::not_found("this process answers no questions"))?;
    let products = asked.product.map(|product| tags(&product, &exposure.understanding.load())).unwrap_or_default();
    let wanted = Wanted {
        products: products.clone(),
        from: Timestamp(asked.from),
        to: Timestamp(asked.to),
        after: asked.after,
        most: MOST,
    };
    let path = exposure.file.clone();
    // SQLite may wait for the writer: not on a thread that answers.
    let read = tokio::task::spawn_blocking(move || TrailFile::read(&path)?.rows(&wanted)).await;
    let rows = read.map_err(|error| error.to_string()).and_then(|rows| rows.map_err(|error| error.to_string()));
    let rows = rows.map_err(AdminError::unavailable)?;
    let next = rows.last().map(|row| row.id).filter(|_| rows.len() == MOST);
    Ok(Json(Page { products, rows, next }))
}

/// Whose prices are asked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Priced {
    product: String,
    tenant: Option<String>,
}

/// `GET /api/v1/prices?product=&tenant=`: what the live catalogue says now. An empty list: it knows no such thing.
pub(super) async fn prices(State(desk): Shared, Query(asked): Query<Priced>) -> Result<Json<Vec<Money>>, AdminError> {
    let exposure = desk.exposure.as_ref().ok_or_else(|| AdminError::not_found("this process answers no questions"))?;
    let catalogue = exposure.catalogue.as_ref().ok_or_else(|| {
        AdminError::not_found("no catalogue can be asked: `policies/` needs a `catalogue:` document and banto.yaml its address in `origins:`")
    })?;
    let subject = Subject::named(&asked.product, &exposure.understanding.load());
    let tenant: TenantId = asked.tenant.unwrap_or_else(|| "default".into()).into();
    let prices = catalogue.prices(&tenant, &subject).await;
    prices.map(Json).map_err(|failed| AdminError::unavailable(failed.to_string()))
}

/// The tags that a product goes by in the trail: its title's if it is one, and as an id.
pub fn tags(product: &str, shop: &Understanding) -> Vec<String> {
    let is_tag = ["title:", "product:", "entity:"].iter().any(|kind| product.starts_with(kind));
    let names = if is_tag {
        vec![product.to_owned()]
    } else {
        ["title", "product", "entity"].map(|kind| format!("{kind}:{product}")).into()
    };
    names.iter().map(|name| shop.tag(name).0.to_string()).collect()
}
