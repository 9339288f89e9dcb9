//! The live catalogue: what a product costs now, asked of the service that decides it.
//!
//! ```yaml
//! catalogue: product                 # a service of `origins:` in banto.yaml
//! currency: JPY
//! ask:
//!   product: { path: "/products/{product}/price", price: /price }
//!   title: { path: "/prices?title={title}", price: /prices/*/price }
//! check: { every: 60s, sample: 10, of: 50, hourly: 100 }
//! ```

use std::sync::Arc;

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::Value;

use crate::{
    config::{
        document::{Document, Spanned},
        files::Files,
        problem::Problems,
    },
    engine::{
        origin::{
            client::{Client, Failed},
            template::Template,
        },
        understand::{Understanding, normalise::normalise},
    },
    ids::TenantId,
    money::{Currency, Money},
    units::TimeSpan,
};

/// What has a price.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// A product by its id, in its normalised form.
    Product(String),
    /// A title by its canonical name.
    Title(Arc<str>),
}

impl Subject {
    /// What a tag names, or a person: `product:b08x`, `title:demon slayer`, `Demon Slayer`, `B08X`.
    pub fn named(name: &str, shop: &Understanding) -> Self {
        let (kind, rest) = name.split_once(':').map_or(("", name), |(kind, rest)| (kind.trim(), rest));
        let title = |name: &str| shop.titles().named(&normalise(name)).map(|title| Self::Title(title.name.clone()));
        match kind {
            "product" | "entity" => Self::Product(normalise(rest)),
            "title" => title(rest).unwrap_or_else(|| Self::Title(rest.into())),
            _ => title(name).unwrap_or_else(|| Self::Product(normalise(name))),
        }
    }

    /// As people name it.
    pub fn name(&self) -> &str {
        match self {
            Self::Product(id) => id,
            Self::Title(name) => name,
        }
    }
}

/// How the catalogue is asked, by the operator's files.
#[derive(Clone, Debug)]
pub struct Asking {
    /// The service.
    pub place: Arc<str>,
    currency: Currency,
    product: Option<Ask>,
    title: Option<Ask>,
    /// How often, and how many.
    pub check: Check,
}

#[derive(Clone, Debug)]
struct Ask {
    path: Template,
    price: String,
    currency: Option<String>,
    upper: bool,
}

/// How often cached prices are compared with the catalogue, and how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Check {
    /// The time between two samples.
    pub every: TimeSpan,
    /// Entries compared each time.
    pub sample: usize,
    /// Entries that a sample is drawn from, at least.
    pub of: usize,
    /// Entries compared once an hour.
    pub hourly: usize,
}

impl Default for Check {
    fn default() -> Self {
        Self { every: TimeSpan::secs(60), sample: 10, of: 50, hourly: 100 }
    }
}

#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Raw {
    catalogue: String,
    #[schemars(with = "String")]
    currency: Spanned<String>,
    ask: RawAsks,
    #[serde(default)]
    check: Check,
}

#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct RawAsks {
    product: Option<RawAsk>,
    title: Option<RawAsk>,
}

#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct RawAsk {
    #[schemars(with = "String")]
    path: Spanned<String>,
    #[schemars(with = "String")]
    price: Spanned<String>,
    currency: Option<String>,
    #[serde(default)]
    upper: bool,
}

impl Asking {
    /// Reads the `catalogue:` document below `policies/`; `None` when there is none.
    pub fn load(files: &Files, problems: &mut Problems) -> Option<Self> {
        let mut found: Option<Self> = None;
        for file in files.below("policies/") {
            let documents = Document::split(&file.path, &file.text);
            for document in documents.iter().filter(|document| document.kind() == Some("catalogue")) {
                if found.is_some() {
                    problems.add(
                        &document.start(),
                        "there are two catalogues, and only one can be right. Keep one of them",
                    );
                }
                found = document.read::<Raw>(problems).and_then(|raw| raw.validate(document, problems)).or(found);
            }
        }
        found
    }
}

impl Raw {
    fn validate(self, document: &Document, problems: &mut Problems) -> Option<Asking> {
        let currency = Currency::from_code(&self.currency.value);
        if currency.is_none() {
            let known: Vec<_> = Currency::all().map(|currency| currency.to_string()).collect();
            let what = format!("`{}` is not a known currency. Use one of {}", self.currency.value, known.join(", "));
            problems.add(&document.place_of(&self.currency), what);
        }
        if self.check.every.0.as_secs() == 0
            || self.check.sample == 0
            || self.check.sample > 1_000
            || self.check.hourly > 10_000
        {
            let what = "a check needs at least 1 s between samples, a sample of 1 to 1000 and at most 10000 an hour";
            problems.add(&document.find_key("check"), what);
        }
        let mut ask = |raw: Option<RawAsk>, name: &str| raw.and_then(|raw| raw.validate(name, document, problems));
        let (product, title) = (ask(self.ask.product, "product"), ask(self.ask.title, "title"));
        Some(Asking { place: self.catalogue.as_str().into(), currency: currency?, product, title, check: self.check })
    }
}

impl RawAsk {
    fn validate(self, name: &str, document: &Document, problems: &mut Problems) -> Option<Ask> {
        let path = Template::parse(&self.path.value);
        let fits = path.as_ref().is_ok_and(|path| path.names() == [name]);
        if !fits {
            let what =
                format!("`{}` does not say where the {name} goes. Write `{{{name}}}` in it, once", self.path.value);
            problems.add(&document.place_of(&self.path), what);
        }
        if !self.price.value.starts_with('/') {
            let what =
                format!("`{}` names no field. Write a pointer such as `/price` or `/prices/*/price`", self.price.value);
            problems.add(&document.place_of(&self.price), what);
        }
        Some(Ask { path: path.ok()?, price: self.price.value, currency: self.currency, upper: self.upper })
    }
}

/// Whoever knows what things cost now.
#[async_trait]
pub trait LivePrices: Send + Sync {
    /// How often cached prices are compared with what it says, and how many.
    fn check(&self) -> Check;

    /// What something costs now: every price that is named for it. Empty when none is.
    ///
    /// # Errors
    /// It did not answer: nothing is known.
    async fn prices(&self, tenant: &TenantId, subject: &Subject) -> Result<Vec<Money>, Failed>;
}

/// The live catalogue.
#[derive(Clone, Debug)]
pub struct Catalogue {
    asking: Asking,
    client: Arc<Client>,
}

impl Catalogue {
    /// The catalogue that is asked so through this client.
    pub fn new(asking: Asking, client: Arc<Client>) -> Self {
        Self { asking, client }
    }
}

#[async_trait]
impl LivePrices for Catalogue {
    fn check(&self) -> Check {
        self.asking.check
    }

    /// Empty, too, when the catalogue is not made to be asked for such a thing.
    async fn prices(&self, tenant: &TenantId, subject: &Subject) -> Result<Vec<Money>, Failed> {
        let (ask, name) = match subject {
            Subject::Product(id) => (&self.asking.product, id.as_str()),
            Subject::Title(name) => (&self.asking.title, &**name),
        };
        let Some(ask) = ask else { return Ok(Vec::new()) };
        let name = if ask.upper { name.to_uppercase() } else { name.to_owned() };
        let answer = self.client.fetch(&ask.path.path(|_| &name), tenant).await?;
        Ok(answer.map(|answer| ask.read(&answer, self.asking.currency)).unwrap_or_default())
    }
}

impl Ask {
    fn read(&self, answer: &Value, usual: Currency) -> Vec<Money> {
        let named = self.currency.as_ref().and_then(|pointer| Currency::from_code(answer.pointer(pointer)?.as_str()?));
        let mut found = Vec::new();
        select(answer, &mut self.price.split('/').skip(1), &mut found);
        found.into_iter().filter_map(|price| money(price, named.unwrap_or(usual))).collect()
    }
}

/// The values at a pointer in which `*` stands for every element.
fn select<'a>(value: &'a Value, path: &mut (impl Iterator<Item = &'a str> + Clone), found: &mut Vec<&'a Value>) {
    match (path.next(), value) {
        (None, Value::Array(elements)) => found.extend(elements),
        (None, value) => found.push(value),
        (Some("*"), Value::Array(elements)) => {
            elements.iter().for_each(|element| select(element, &mut path.clone(), found))
        }
        (Some("*"), Value::Object(members)) => {
            members.values().for_each(|member| select(member, &mut path.clone(), found))
        }
        (Some(name), value) => {
            let next = match value {
                Value::Array(elements) => name.parse::<usize>().ok().and_then(|at| elements.get(at)),
                value => value.get(name),
            };
            next.into_iter().for_each(|next| select(next, &mut path.clone(), found));
        }
    }
}

/// A number of major units, or a text with or without its currency.
fn money(price: &Value, currency: Currency) -> Option<Money> {
    match price {
        Value::Number(number) => Money::from_decimal(&number.to_string(), currency),
        Value::String(text) => Money::from_decimal(text.trim(), currency).or_else(|| super::only(text)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn ask(price: &'static str) -> Ask {
        let path = Template::parse("/{product}").expect("a template");
        Ask { path, price: price.into(), currency: Some("/currency".into()), upper: false }
    }

    #[test]
    fn prices_are_read_in_whichever_form_the_catalogue_has_them() {
        let read = |answer: Value, pointer| {
            ask(pointer).read(&answer, Currency::JPY).iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(read(json!({ "price": 8980 }), "/price"), ["¥8,980"]);
        assert_eq!(read(json!({ "price": "8,980円" }), "/price"), ["¥8,980"]);
        assert_eq!(read(json!({ "price": 9.99, "currency": "USD" }), "/price"), ["$9.99"]);
        assert_eq!(read(json!({ "all": [{ "p": 528 }, { "p": "550" }, {}] }), "/all/*/p"), ["¥528", "¥550"]);
        assert_eq!(read(json!({ "price": [500, null, "soon"] }), "/price"), ["¥500"]);
        assert!(read(json!({ "price": 528.5 }), "/price").is_empty(), "half a yen is no price");
        assert!(read(json!(null), "/price").is_empty());
    }

    #[test]
    fn the_shipped_catalogue_checks_as_often_as_promised() {
        let mut problems = Problems::default();
        let asking = Asking::load(&Files::shipped(), &mut problems).expect("a catalogue");
        assert!(problems.is_empty(), "{problems}");
        assert_eq!(asking.check, Check { every: TimeSpan::secs(60), sample: 10, of: 50, hourly: 100 });
    }
}
