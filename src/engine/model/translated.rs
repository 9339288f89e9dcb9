//! Asking a model in the format that it speaks, and hearing its reply in the one that was asked in.

use tokio::time::Instant;

use super::{Deadlines, Model, Reply, failure::Failure};
use crate::{
    clock::Timestamp,
    engine::{
        asked::Asked,
        dialect::{Lost, ask as question, completion::Completion, retell::Voice},
    },
};

/// The model's reply in the format of the question, and what was lost on both ways. Where the model speaks that format,
/// nothing is read and nothing is copied. `name` is what an answer says who gave it.
///
/// # Errors
/// The model's own, and an untranslatable failure when the question cannot be put into its format.
pub async fn ask(
    model: &dyn Model,
    asked: &Asked,
    deadlines: &Deadlines,
    name: &str,
    now: Timestamp,
) -> Result<(Reply, Lost), Failure> {
    let spoken = model.speaks(asked.dialect);
    if spoken == asked.dialect {
        return Ok((model.ask(asked, deadlines).await?, Lost::default()));
    }
    let begun = Instant::now();
    let (translated, mut lost) = question::translate(asked, spoken)?;
    let reply = model.ask(&translated, deadlines).await?;
    let seed = [asked.context.0.as_slice(), asked.text.as_bytes()].concat();
    let completion = Completion::new(name, now.seconds(), &seed);
    let voice = Voice { from: spoken, to: asked.dialect, completion, asked: begun };
    let reply = voice.retell(reply, &mut lost)?;
    Ok((reply, lost))
}

/// How many tokens the question's prompt has, as the model counts.
///
/// # Errors
/// As for [`ask`].
pub async fn count(model: &dyn Model, asked: &Asked, deadlines: &Deadlines) -> Result<u64, Failure> {
    let (translated, _) = question::translate(asked, model.speaks(asked.dialect))?;
    model.count(&translated, deadlines).await
}
