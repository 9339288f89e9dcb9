//! Where the trail is read: a running Banto, or its files.

use std::collections::{BTreeMap, BTreeSet};

use super::{Args, when::When};
use crate::{
    api::admin::exposure::{Page, tags},
    app::{
        services,
        settings::{Overrides, Settings},
        shop::Shop,
    },
    cli::remote::Remote,
    config::{files::Files, problem::Problems},
    engine::{
        exposure::file::{Row, TrailFile, Wanted},
        price::catalogue::{Catalogue, LivePrices, Subject},
    },
    ids::TenantId,
    money::Money,
    resolve::Resolver,
    telemetry::registry::Registry,
};

/// Rows that one report is made of at most.
const MOST: usize = 500_000;
/// Products that the catalogue is asked about at most.
const MOST_PRODUCTS: usize = 1_000;

/// Where the trail is.
pub(super) enum Source<'a> {
    Running(&'a Remote),
    Files { trails: Vec<TrailFile>, shop: Box<Shop>, settings: Box<Settings> },
}

impl<'a> Source<'a> {
    pub(super) fn open(args: &'a Args) -> Result<Self, String> {
        if args.files.is_empty() {
            return Ok(Self::Running(&args.remote));
        }
        let trails = args.files.iter().map(|path| TrailFile::read(path)).collect::<Result<_, _>>();
        let settings =
            Settings::load(args.config.as_deref(), Overrides::default()).map_err(|problems| problems.to_string())?;
        let mut problems = Problems::default();
        let files = match &settings.files {
            Some(folder) => {
                Files::read(folder, &mut problems).map_err(|error| format!("{}: {error}", folder.display()))?
            }
            None => Files::shipped(),
        };
        let shop = Shop::load(&files, &mut problems);
        let shop =
            problems.or(shop).map_err(|problems| problems.to_string())?.ok_or("there are no intents in policies/")?;
        Ok(Self::Files {
            trails: trails.map_err(|error| error.to_string())?,
            shop: Box::new(shop),
            settings: Box::new(settings),
        })
    }

    /// The tags that a product goes by, and the rows about it.
    pub(super) fn rows(&self, product: Option<&str>, when: When) -> Result<(Vec<String>, Vec<Row>), String> {
        let (products, rows) = match self {
            Self::Running(remote) => running(remote, product, when)?,
            Self::Files { trails, shop, .. } => {
                let products = product.map(|product| tags(product, &shop.understanding)).unwrap_or_default();
                let wanted =
                    Wanted { products: products.clone(), from: when.from, to: when.to, after: 0, most: MOST + 1 };
                let rows = trails.iter().map(|trail| trail.rows(&wanted)).collect::<Result<Vec<_>, _>>();
                (products, rows.map_err(|error| error.to_string())?.concat())
            }
        };
        if rows.len() > MOST {
            return Err(format!("more than {MOST} answers were given in this time: name a product, or a shorter time"));
        }
        Ok((products, rows))
    }

    /// What the catalogue says that the products of these rows cost now.
    pub(super) fn prices(&self, rows: &[Row], wanted: &[String]) -> Result<BTreeMap<String, Vec<Money>>, String> {
        let asked = |tag: &&String| wanted.is_empty() || wanted.contains(tag);
        let products: BTreeSet<_> =
            rows.iter().flat_map(|row| row.products.iter().filter(asked).map(|tag| (&row.tenant, tag))).collect();
        if products.len() > MOST_PRODUCTS {
            return Err(format!(
                "{} products were quoted, and the catalogue is asked about {MOST_PRODUCTS} at most: name a product",
                products.len()
            ));
        }
        let mut prices = BTreeMap::new();
        let ask = self.asker()?;
        for (tenant, tag) in products {
            prices.insert(tag.clone(), ask(tenant, tag)?);
        }
        Ok(prices)
    }

    #[expect(clippy::type_complexity, reason = "one closure, used once")]
    fn asker(&self) -> Result<Box<dyn Fn(&TenantId, &str) -> Result<Vec<Money>, String> + '_>, String> {
        match self {
            Self::Running(remote) => Ok(Box::new(|tenant, tag| {
                let path = format!("/api/v1/prices?product={}&tenant={}", encoded(tag), encoded(tenant));
                remote.get(&path).map_err(|error| error.to_string())
            })),
            Self::Files { shop, settings, .. } => {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                let runtime = runtime.map_err(|error| error.to_string())?;
                let catalogue = live(shop, settings)?;
                Ok(Box::new(move |tenant, tag| {
                    let subject = Subject::named(tag, &shop.understanding);
                    runtime.block_on(catalogue.prices(tenant, &subject)).map_err(|failed| failed.to_string())
                }))
            }
        }
    }
}

fn live(shop: &Shop, settings: &Settings) -> Result<Catalogue, String> {
    let clients = services::clients(settings, &Resolver::system(), &Registry::default())?;
    let missing = "no catalogue can be asked: name a configuration with its address in `origins:` (`--config`), or give `--true-price`";
    services::catalogue(shop, &clients).ok_or_else(|| missing.into())
}

fn running(remote: &Remote, product: Option<&str>, when: When) -> Result<(Vec<String>, Vec<Row>), String> {
    let about = product.map(|product| format!("&product={}", encoded(product))).unwrap_or_default();
    let (mut rows, mut after) = (Vec::new(), Some(0));
    let mut products = Vec::new();
    while let Some(from) = after.filter(|_| rows.len() <= MOST) {
        let path = format!("/api/v1/exposure?from={}&to={}&after={from}{about}", when.from.0, when.to.0);
        let page: Page = remote.get(&path).map_err(|error| error.to_string())?;
        rows.extend(page.rows);
        (products, after) = (page.products, page.next);
    }
    Ok((products, rows))
}

fn encoded(text: &str) -> String {
    use std::fmt::Write;
    text.bytes().fold(String::new(), |mut encoded, byte| {
        let _ = write!(encoded, "%{byte:02X}");
        encoded
    })
}
