//! Bedrock's guardrails as a guardrail of ours: `ApplyGuardrail` for each passage, without a model.
//!
//! A call is made once: whoever asks has a deadline, and a second call would cost a second evaluation. The full scope of the
//! answer is asked for, so that the filters that looked can be counted. It has none of words and patterns that were not found,
//! so the count is of the others.

use async_trait::async_trait;
use aws_sdk_bedrockruntime::{
    Client,
    config::retry::RetryConfig,
    error::{DisplayErrorContext, ProvideErrorMetadata},
    operation::apply_guardrail::ApplyGuardrailOutput,
    types::{
        GuardrailAction, GuardrailAssessment, GuardrailContentBlock, GuardrailContentSource, GuardrailOutputScope,
        GuardrailTextBlock,
    },
};
use tracing::warn;

use super::account::Account;
use crate::engine::guard::guardrail::{Finding, Guardrail, Passage, Seen, Side, Unsure};

/// A guardrail of Bedrock.
#[derive(Clone, Debug)]
pub struct BedrockGuardrail {
    client: Client,
    id: String,
    version: String,
    name: String,
}

impl BedrockGuardrail {
    /// The guardrail with this id or ARN, in this version (`DRAFT`, `1`).
    pub fn new(account: &Account, id: &str, version: &str) -> Self {
        let config = aws_sdk_bedrockruntime::config::Builder::from(account.config());
        let client = Client::from_conf(config.retry_config(RetryConfig::disabled()).build());
        Self { client, id: id.into(), version: version.into(), name: format!("bedrock/{id}/{version}") }
    }

    async fn apply(&self, passage: Passage<'_>) -> Result<ApplyGuardrailOutput, Unsure> {
        let source = match passage.side {
            Side::Question => GuardrailContentSource::Input,
            Side::Answer => GuardrailContentSource::Output,
        };
        let text = GuardrailTextBlock::builder().text(passage.text).build().map_err(|_| Unsure::Failed)?;
        let call = self.client.apply_guardrail().guardrail_identifier(&self.id).guardrail_version(&self.version);
        let call = call.source(source).content(GuardrailContentBlock::Text(text));
        call.output_scope(GuardrailOutputScope::Full).send().await.map_err(|error| {
            let code = error.as_service_error().and_then(|error| error.code()).unwrap_or_default();
            if matches!(code, "ThrottlingException" | "ServiceUnavailableException" | "ServiceQuotaExceededException") {
                return Unsure::Busy;
            }
            let error = DisplayErrorContext(&error).to_string();
            warn!(guardrail = %self.name, %error, "Bedrock's guardrail did not look; see its id, its version and the right bedrock:ApplyGuardrail.");
            Unsure::Failed
        })
    }
}

#[async_trait]
impl Guardrail for BedrockGuardrail {
    fn name(&self) -> &str {
        &self.name
    }

    async fn look(&self, passage: Passage<'_>) -> Result<Seen, Unsure> {
        let output = self.apply(passage).await?;
        let filters: Vec<_> = output.assessments.iter().flat_map(filters).collect();
        let count = Some(filters.len() as u64).filter(|count| *count > 0);
        if output.action != GuardrailAction::GuardrailIntervened {
            return Ok(Seen { finding: Finding::Clean, filters: count });
        }
        let by = |action: &str| filters.iter().find(|filter| filter.action == action).map(|filter| filter.name.clone());
        let told = output.outputs.first().and_then(|output| output.text.clone());
        let finding = match (by("BLOCKED"), by("ANONYMIZED"), told) {
            (None, Some(by), Some(text)) => Finding::Masked { by: by.into(), text },
            (Some(by), ..) => Finding::Blocked { by: by.into(), says: None },
            // Something intervened that this program does not know: the graver meaning is the safer one.
            _ => Finding::Blocked { by: "bedrock".into(), says: None },
        };
        Ok(Seen { finding, filters: count })
    }
}

/// One filter that looked.
struct Filter {
    /// `bedrock:SEXUAL`.
    name: String,
    /// `NONE`, `BLOCKED`, `ANONYMIZED`.
    action: String,
}

/// The filters of all policies.
fn filters(assessment: &GuardrailAssessment) -> Vec<Filter> {
    let mut all = Vec::new();
    let mut add = |name: &str, action: &str| {
        all.push(Filter { name: format!("bedrock:{name}"), action: action.to_owned() });
    };
    if let Some(policy) = &assessment.topic_policy {
        policy.topics.iter().for_each(|topic| add(&topic.name, topic.action.as_str()));
    }
    if let Some(policy) = &assessment.content_policy {
        policy.filters.iter().for_each(|filter| add(filter.r#type.as_str(), filter.action.as_str()));
    }
    if let Some(policy) = &assessment.word_policy {
        // Which word is the customer's business, and may be the very thing that is not to be said.
        policy.custom_words.iter().for_each(|word| add("CUSTOM_WORD", word.action.as_str()));
        policy.managed_word_lists.iter().for_each(|word| add(word.r#type.as_str(), word.action.as_str()));
    }
    if let Some(policy) = &assessment.sensitive_information_policy {
        policy.pii_entities.iter().for_each(|entity| add(entity.r#type.as_str(), entity.action.as_str()));
        policy.regexes.iter().for_each(|regex| add(regex.name.as_deref().unwrap_or("REGEX"), regex.action.as_str()));
    }
    if let Some(policy) = &assessment.contextual_grounding_policy {
        let filters = policy.filters.iter().flatten();
        filters.for_each(|filter| add(filter.r#type.as_str(), filter.action.as_str()));
    }
    all
}
