//! What an operator may write about the embedder, and every mistake in it.

use std::{path::Path, time::Duration};

use serde::Deserialize;

use super::{super::service, BedrockEmbedding, EmbedderSettings};
use crate::{
    aws,
    config::{
        document::{Document, Spanned},
        problem::Problems,
        secret::RawSecret,
    },
    engine::recall::embed::{endpoint::Service, local},
    units::TimeSpan,
};

/// Vectors with more numbers would fill the memory and say no more.
const MOST_DIMENSIONS: usize = 4_096;
/// Longer than this nobody waits for a look-up.
const LONGEST: Duration = Duration::from_secs(10);
/// More threads or places in the queue are a mistake.
const MOST_THREADS: usize = 64;
const LONGEST_QUEUE: usize = 10_000;

/// How long a service may take unless something else is said.
const USUAL_DEADLINE: Duration = Duration::from_millis(500);

/// The section as it was written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::app::settings) struct RawEmbedder {
    kind: Spanned<RawKind>,
    folder: Option<Spanned<String>>,
    threads: Option<Spanned<usize>>,
    queue: Option<Spanned<usize>>,
    deadline: Option<Spanned<TimeSpan>>,
    base_url: Option<Spanned<String>>,
    model: Option<Spanned<String>>,
    api_key: Option<Spanned<RawSecret>>,
    dimensions: Option<Spanned<usize>>,
    shorten: Option<Spanned<bool>>,
    region: Option<Spanned<String>>,
    role: Option<Spanned<String>>,
    external_id: Option<Spanned<String>>,
    endpoint: Option<Spanned<String>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum RawKind {
    Hashed,
    Local,
    #[serde(rename = "openai")]
    OpenAi,
    Bedrock,
}

impl RawKind {
    fn word(self) -> &'static str {
        match self {
            Self::Hashed => "hashed",
            Self::Local => "local",
            Self::OpenAi => "openai",
            Self::Bedrock => "bedrock",
        }
    }
}

impl RawEmbedder {
    /// The settings; hashed words where there is a mistake, which is among the problems. Relative folders start at
    /// `folder`.
    pub(in crate::app::settings) fn validate(
        &self,
        document: &Document,
        folder: &Path,
        problems: &mut Problems,
    ) -> EmbedderSettings {
        let mut reader = Reader { raw: self, document, problems };
        reader.strangers();
        let settings = match self.kind.value {
            RawKind::Hashed => Some(EmbedderSettings::Hashed),
            RawKind::Local => reader.local(folder).map(EmbedderSettings::Local),
            RawKind::OpenAi => reader.openai().map(EmbedderSettings::OpenAi),
            RawKind::Bedrock => reader.bedrock().map(EmbedderSettings::Bedrock),
        };
        settings.unwrap_or(EmbedderSettings::Hashed)
    }
}

struct Reader<'a> {
    raw: &'a RawEmbedder,
    document: &'a Document,
    problems: &'a mut Problems,
}

impl Reader<'_> {
    /// Fields that belong to another kind of embedder: somebody expects them to do something.
    fn strangers(&mut self) {
        use RawKind::{Bedrock, Local, OpenAi};
        let raw = self.raw;
        self.only_for(&raw.folder, "folder", &[Local]);
        self.only_for(&raw.threads, "threads", &[Local]);
        self.only_for(&raw.queue, "queue", &[Local]);
        self.only_for(&raw.deadline, "deadline", &[Local, OpenAi, Bedrock]);
        self.only_for(&raw.base_url, "base_url", &[OpenAi]);
        self.only_for(&raw.model, "model", &[OpenAi, Bedrock]);
        self.only_for(&raw.api_key, "api_key", &[OpenAi]);
        self.only_for(&raw.dimensions, "dimensions", &[OpenAi, Bedrock]);
        self.only_for(&raw.shorten, "shorten", &[OpenAi]);
        self.only_for(&raw.region, "region", &[Bedrock]);
        self.only_for(&raw.role, "role", &[Bedrock]);
        self.only_for(&raw.external_id, "external_id", &[Bedrock]);
        self.only_for(&raw.endpoint, "endpoint", &[Bedrock]);
    }

    fn only_for<T>(&mut self, field: &Option<Spanned<T>>, name: &str, kinds: &[RawKind]) {
        let kind = self.raw.kind.value;
        if let Some(field) = field.as_ref().filter(|_| !kinds.contains(&kind)) {
            self.wrong(field, format!("`{name}` means nothing to an embedder of kind {}; take it out", kind.word()));
        }
    }

    fn local(&mut self, folder: &Path) -> Option<local::settings::Settings> {
        let raw = self.raw;
        let usual = local::settings::Settings::at(folder);
        let threads = self.count(&raw.threads, "threads", usual.threads, MOST_THREADS);
        let queue = self.count(&raw.queue, "queue", usual.queue, LONGEST_QUEUE);
        let deadline = self.deadline(usual.deadline);
        let named = self.needed(&raw.folder, "folder", "make one with tools/convert-embedder.py")?;
        let folder = folder.join(&named.value);
        if !folder.is_dir() {
            let what = format!(
                "`{}` is not a folder; make it with tools/convert-embedder.py, or name another",
                folder.display()
            );
            self.wrong(named, what);
        }
        Some(local::settings::Settings { folder, threads: threads?, queue: queue?, deadline: deadline? })
    }

    fn openai(&mut self) -> Option<Service> {
        let raw = self.raw;
        let url = self.needed(&raw.base_url, "base_url", "write it in the form `https://host/v1`");
        let url = url.and_then(|url| service::url(url, "embeddings", self.document, self.problems));
        let model = self.needed(&raw.model, "model", "it is the provider's name for it");
        let key = raw.api_key.as_ref().map(|key| service::authorization(key, self.document, self.problems));
        let (dimensions, deadline) = (self.dimensions(), self.deadline(USUAL_DEADLINE));
        Some(Service {
            url: url?,
            model: model?.value.clone(),
            authorization: key.map_or(Some(None), |key| key.map(Some))?,
            dimensions: dimensions?,
            shorten: raw.shorten.as_ref().is_some_and(|shorten| shorten.value),
            deadline: deadline?,
        })
    }

    fn bedrock(&mut self) -> Option<BedrockEmbedding> {
        let raw = self.raw;
        let text = |field: &Option<Spanned<String>>| field.as_ref().map(|field| field.value.clone());
        let model = self.needed(&raw.model, "model", "for example `amazon.titan-embed-text-v2:0`");
        let (dimensions, deadline) = (self.dimensions(), self.deadline(USUAL_DEADLINE));
        let (region, role) = (text(&raw.region), text(&raw.role));
        let aws = aws::settings::Settings {
            region,
            role,
            external_id: text(&raw.external_id),
            endpoint: text(&raw.endpoint),
        };
        Some(BedrockEmbedding { model: model?.value.clone(), dimensions: dimensions?, deadline: deadline?, aws })
    }

    fn dimensions(&mut self) -> Option<usize> {
        let dimensions =
            self.needed(&self.raw.dimensions, "dimensions", "it is how many numbers the model answers with")?;
        self.count(&Some(dimensions.clone()), "dimensions", 0, MOST_DIMENSIONS)
    }

    fn deadline(&mut self, usual: Duration) -> Option<Duration> {
        let Some(deadline) = &self.raw.deadline else { return Some(usual) };
        let fits = !deadline.value.0.is_zero() && deadline.value.0 <= LONGEST;
        if !fits {
            self.wrong(deadline, format!("a look-up waits between 1ms and {} s for its vector", LONGEST.as_secs()));
        }
        fits.then_some(deadline.value.0)
    }

    fn count(&mut self, field: &Option<Spanned<usize>>, name: &str, usual: usize, most: usize) -> Option<usize> {
        let Some(field) = field else { return Some(usual) };
        let fits = (1..=most).contains(&field.value);
        if !fits {
            self.wrong(field, format!("`{name}` is between 1 and {most}, not {}", field.value));
        }
        fits.then_some(field.value)
    }

    fn needed<'b, T>(&mut self, field: &'b Option<Spanned<T>>, name: &str, hint: &str) -> Option<&'b Spanned<T>> {
        if field.is_none() {
            let kind = self.raw.kind.value.word();
            self.wrong(&self.raw.kind, format!("an embedder of kind {kind} needs `{name}`; {hint}"));
        }
        field.as_ref()
    }

    fn wrong<T>(&mut self, field: &Spanned<T>, what: impl Into<String>) {
        self.problems.add(&self.document.place_of(field), what);
    }
}
