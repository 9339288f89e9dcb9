//! `nodes:`, the engines that a controller watches in other processes.

use std::collections::BTreeSet;

use serde::Deserialize;

use crate::{
    config::{
        document::{Document, Spanned},
        problem::Problems,
        secret::RawSecret,
    },
    ids::NodeId,
};

/// One engine node, as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawNode {
    name: Spanned<String>,
    url: Spanned<String>,
    token: Option<RawSecret>,
}

/// One engine node elsewhere.
#[derive(Clone)]
pub struct NodeSettings {
    /// Its name.
    pub name: NodeId,
    /// Where it is asked: `http://10.0.0.5:8080`.
    pub url: String,
    /// Its operator's token.
    pub token: Option<String>,
}

impl std::fmt::Debug for NodeSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NodeSettings").field("name", &self.name).field("url", &self.url).finish_non_exhaustive()
    }
}

/// Reads the nodes; each is named once. Without a token of its own a node gets this process's.
pub(super) fn validate(
    raw: &[RawNode],
    token: Option<&String>,
    document: &Document,
    problems: &mut Problems,
) -> Vec<NodeSettings> {
    let mut names = BTreeSet::new();
    let mut nodes = Vec::new();
    for node in raw {
        if !names.insert(node.name.value.clone()) {
            let what = format!("two nodes are called `{}`; give each a name of its own", node.name.value);
            problems.add(&document.place_of(&node.name), what);
        }
        let own = match &node.token {
            Some(secret) => secret.fetch(document, problems),
            None => token.cloned(),
        };
        match mistake(&node.url.value) {
            Some(what) => problems.add(&document.place_of(&node.url), what),
            None => nodes.push(NodeSettings {
                name: node.name.value.as_str().into(),
                url: node.url.value.clone(),
                token: own,
            }),
        }
    }
    nodes
}

/// What is wrong with a node's address, if anything.
fn mistake(url: &str) -> Option<String> {
    let uri: Option<http::Uri> = url.parse().ok();
    let scheme = uri.as_ref().and_then(http::Uri::scheme_str).filter(|scheme| ["http", "https"].contains(scheme));
    let plain = uri.as_ref().is_some_and(|uri| uri.host().is_some() && uri.path() == "/" && uri.query().is_none());
    let fine = scheme.is_some() && plain;
    (!fine).then(|| format!("`{url}` is not a node's address; write for example `http://10.0.0.5:8080`"))
}
