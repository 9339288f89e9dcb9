//! What is read from the operator's files at a start, and why a start may fail.

use tracing::warn;

use super::{settings::Settings, shop::Shop};
use crate::{
    config::{files::Files, problem::Problems},
    controller::rulebook::Rulebook,
    knob::catalogue::{Catalogue, EngineDefaults},
};

/// Why it did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The operator's files are wrong.
    #[error("{0}")]
    Files(#[from] Problems),
    /// A folder, a port or a part of the machine is not as needed. The text says what to do.
    #[error("{0}")]
    Machine(String),
}

/// What was read from the operator's files.
pub(super) struct Loaded {
    pub(super) shop: Shop,
    pub(super) book: Rulebook,
    pub(super) knobs: Catalogue,
}

impl Loaded {
    /// Reads everything, and tells every mistake at once.
    pub(super) fn read(settings: &Settings) -> Result<Self, StartError> {
        let mut problems = Problems::default();
        let files = read_files(settings, &mut problems)?;
        let Some(shop) = Shop::load(&files, &mut problems) else {
            return Err(problems.or(()).map_or_else(StartError::Files, |()| {
                StartError::Machine("no intents were found in policies/: at least `_other` is needed".into())
            }));
        };
        let engine = engine_defaults(settings);
        let models: Vec<_> = settings.models.iter().map(|model| model.defaults()).collect();
        let knobs = shop.knobs(&engine, &models);
        let mut unfit = Problems::default();
        let book = Rulebook::load(&files, &knobs, &mut unfit);
        match settings.files {
            // The shipped policies are written for two models; those that do not fit this installation are left out.
            None => unfit.sorted().iter().for_each(|problem| warn!(%problem, "A shipped rule is not used here.")),
            Some(_) => problems.extend(unfit),
        }
        Ok(problems.or(Self { shop, book, knobs })?)
    }
}

/// What the settings say of the engine's own knobs.
pub(super) fn engine_defaults(settings: &Settings) -> EngineDefaults {
    EngineDefaults { rate: settings.limits.rate, burst: settings.limits.burst, ..EngineDefaults::default() }
}

fn read_files(settings: &Settings, problems: &mut Problems) -> Result<Files, StartError> {
    let Some(folder) = &settings.files else { return Ok(Files::shipped()) };
    Files::read(folder, problems).map_err(|error| StartError::Machine(format!("{}: {error}", folder.display())))
}
