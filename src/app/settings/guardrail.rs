//! The `guardrail:` section of the configuration: which guardrail of Bedrock looks at answers, and as whom it is asked. When
//! it looks is said in `policies/guardrails.yaml`.
//!
//! ```yaml
//! guardrail:
//!   id: gr-abc123                          # or its ARN
//!   version: "3"                           # or DRAFT
//! # region: ap-northeast-1                 # role, external_id and endpoint if needed
//! ```

use std::sync::Arc;

use serde::Deserialize;

use crate::{
    aws,
    config::{
        document::{Document, Spanned},
        problem::Problems,
    },
    engine::guard::guardrail::Guardrail,
    resolve::Resolver,
};

/// A guardrail, as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Raw {
    id: Spanned<String>,
    version: Spanned<String>,
    region: Option<String>,
    role: Option<String>,
    external_id: Option<String>,
    endpoint: Option<String>,
}

/// A guardrail of Bedrock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuardrailSettings {
    /// Its id or ARN.
    pub id: String,
    /// Its version.
    pub version: String,
    /// Region, role and endpoint; what is left out comes from the environment.
    pub aws: aws::settings::Settings,
}

impl Raw {
    pub(super) fn validate(self, document: &Document, problems: &mut Problems) -> GuardrailSettings {
        if cfg!(not(feature = "aws")) {
            problems.add(&document.find("guardrail"), aws::NOT_BUILT_IN);
        }
        // The service model's own patterns (`GuardrailIdentifier`, `GuardrailVersion`).
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        if !self.id.value.starts_with("arn:") && (self.id.value.is_empty() || !self.id.value.chars().all(plain)) {
            let what =
                format!("`{}` is no guardrail: write its id (lower case letters and digits) or its ARN", self.id.value);
            problems.add(&document.place_of(&self.id), what);
        }
        let version = &self.version.value;
        if version != "DRAFT" && version.parse::<u32>().is_err() {
            problems
                .add(&document.place_of(&self.version), format!("`{version}` is no version: write DRAFT or a number"));
        }
        let Self { id, version, region, role, external_id, endpoint } = self;
        let aws = aws::settings::Settings { region, role, external_id, endpoint };
        GuardrailSettings { id: id.value, version: version.value, aws }
    }
}

impl GuardrailSettings {
    /// Makes it; nothing is asked before the first answer.
    ///
    /// # Errors
    /// This program was built without AWS.
    #[cfg(feature = "aws")]
    pub async fn build(self, resolver: &Resolver) -> Result<Arc<dyn Guardrail>, String> {
        let account = aws::account::Account::open(&self.aws, resolver).await;
        Ok(Arc::new(aws::guardrail::BedrockGuardrail::new(&account, &self.id, &self.version)))
    }

    /// Makes it.
    ///
    /// # Errors
    /// Always: this program was built without AWS.
    #[cfg(not(feature = "aws"))]
    pub async fn build(self, _: &Resolver) -> Result<Arc<dyn Guardrail>, String> {
        Err(aws::NOT_BUILT_IN.into())
    }
}
