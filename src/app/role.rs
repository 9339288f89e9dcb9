//! What a process is for.

/// What a process is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// It answers, watches and acts.
    #[default]
    All,
    /// It answers.
    Engine,
    /// It watches the engines of `nodes:` and acts.
    Controller,
}

impl Role {
    /// Whether an engine runs here.
    pub fn answers(self) -> bool {
        self != Self::Controller
    }

    /// Whether a controller runs here.
    pub fn watches(self) -> bool {
        self != Self::Engine
    }
}
