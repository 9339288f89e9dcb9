//! A model that turns texts into vectors, on the thread that asks it.

use std::{path::Path, sync::Arc};

use rten::{Model as Graph, ModelOptions, NodeId, RunOptions, ThreadPool};
use rten_tensor::{AsView, Layout, NdTensor, Tensor};

use super::{
    manifest::{FolderError, Manifest, Pooling, read},
    wordpiece::WordPiece,
};
use crate::engine::recall::embed::EmbedError;

/// A model, loaded.
pub struct Model {
    manifest: Manifest,
    name: String,
    words: WordPiece,
    graph: Graph,
    inputs: Vec<(NodeId, Input)>,
    output: NodeId,
}

/// What a graph wants to be told of a text.
#[derive(Clone, Copy)]
enum Input {
    /// Its tokens.
    Tokens,
    /// Which of them count: all.
    Mask,
    /// Which part of the text they are from: there is only one.
    Part,
}

impl Input {
    fn of(name: &str) -> Option<Self> {
        match name {
            "input_ids" => Some(Self::Tokens),
            "attention_mask" => Some(Self::Mask),
            "token_type_ids" => Some(Self::Part),
            _ => None,
        }
    }

    fn values(self, tokens: &[i32]) -> Vec<i32> {
        match self {
            Self::Tokens => tokens.to_vec(),
            Self::Mask => vec![1; tokens.len()],
            Self::Part => vec![0; tokens.len()],
        }
    }
}

impl Model {
    /// Loads the model of a folder and asks it once, so that a model that cannot answer is found now.
    ///
    /// # Errors
    /// What is wrong with the folder.
    pub fn open(folder: &Path) -> Result<Self, FolderError> {
        let manifest = Manifest::read(folder)?;
        let (vocabulary, file) = (folder.join(&manifest.vocabulary), folder.join(&manifest.model));
        let words = String::from_utf8(read(&vocabulary)?).map_err(|error| FolderError::unfit(&vocabulary, error))?;
        let words = WordPiece::new(&words, manifest.lowercase)
            .map_err(|token| FolderError::unfit(&vocabulary, format!("it has no token {token}")))?;
        let content = read(&file)?;
        // The weights decide what the vectors mean, whatever the manifest calls them.
        let digest = crate::digest::Digest::of([&content[..]]).to_string();
        let name = format!("local/{}-{}-{}-{}", manifest.name, manifest.precision, manifest.dimensions, &digest[..8]);
        let graph = ModelOptions::with_all_ops().prepack_weights(true).load(content);
        let graph = graph.map_err(|error| FolderError::unfit(&file, error))?;
        let inputs = inputs(&graph).map_err(|why| FolderError::unfit(&file, why))?;
        let output = graph.output_ids().first().copied();
        let output = output.ok_or_else(|| FolderError::unfit(&file, "it answers nothing"))?;
        let model = Self { manifest, name, words, graph, inputs, output };
        let asked = model.vector("a question", &Arc::new(ThreadPool::with_num_threads(1)));
        asked.map_err(|error| FolderError::unfit(&file, error))?;
        Ok(model)
    }

    /// What tells this model from every other.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What its folder says of it.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// How many tokens it knows.
    pub fn vocabulary(&self) -> usize {
        self.words.len()
    }

    /// The part of a text that it reads at most.
    pub fn beginning<'a>(&self, text: &'a str) -> &'a str {
        WordPiece::beginning(text, self.manifest.longest)
    }

    /// The tokens that it reads of a text.
    pub fn tokens(&self, text: &str) -> Vec<i32> {
        self.words.tokens(text, self.manifest.longest)
    }

    /// The vector of a text; of a long one, of its beginning. Takes milliseconds.
    ///
    /// # Errors
    /// [`EmbedError::Unusable`] when the graph fails or answers something else.
    pub fn vector(&self, text: &str, pool: &Arc<ThreadPool>) -> Result<Vec<f32>, EmbedError> {
        let unusable = |why: String| EmbedError::Unusable(why);
        let tokens = self.tokens(text);
        let input =
            |(id, input): &(NodeId, Input)| (*id, NdTensor::from_data([1, tokens.len()], input.values(&tokens)).into());
        let mut options = RunOptions::default();
        options.thread_pool = Some(pool.clone());
        let answers = self.graph.run(self.inputs.iter().map(input).collect(), &[self.output], Some(options));
        let answer = answers.map_err(|error| unusable(error.to_string()))?.into_iter().next();
        let answer = answer.ok_or_else(|| unusable("it answers nothing".into()))?;
        let answer: Tensor<f32> = answer.try_into().map_err(|_| unusable("it does not answer with numbers".into()))?;
        let vector = self.pool(answer.shape().as_ref(), &answer.to_vec()).ok_or_else(|| {
            unusable(format!(
                "its answer has the shape {:?} instead of [1, tokens, {}]",
                answer.shape(),
                self.manifest.dimensions
            ))
        })?;
        Ok(if self.manifest.normalise { normalised(vector) } else { vector })
    }

    /// One vector out of those of all tokens; `None` when they are not of the expected shape.
    fn pool(&self, shape: &[usize], numbers: &[f32]) -> Option<Vec<f32>> {
        let dimensions = self.manifest.dimensions;
        match (shape, self.manifest.pooling) {
            ([1, found], _) if *found == dimensions => Some(numbers.to_vec()),
            ([1, _, found], Pooling::Cls) if *found == dimensions => numbers.get(..dimensions).map(<[f32]>::to_vec),
            ([1, tokens, found], Pooling::Mean) if *found == dimensions && *tokens > 0 => {
                let mut mean = vec![0.0; dimensions];
                for vector in numbers.chunks_exact(dimensions) {
                    mean.iter_mut().zip(vector).for_each(|(mean, number)| *mean += number / *tokens as f32);
                }
                Some(mean)
            }
            _ => None,
        }
    }
}

fn inputs(graph: &Graph) -> Result<Vec<(NodeId, Input)>, String> {
    let input = |id: &NodeId| {
        let info = graph.node_info(*id);
        let name = info.as_ref().and_then(|info| info.name()).unwrap_or_default();
        let input = Input::of(name).ok_or_else(|| format!("it wants to be told `{name}`, which nobody knows here"))?;
        Ok((*id, input))
    };
    graph.input_ids().iter().map(input).collect()
}

fn normalised(mut vector: Vec<f32>) -> Vec<f32> {
    let length = vector.iter().map(|number| number * number).sum::<f32>().sqrt();
    if length > 0.0 {
        vector.iter_mut().for_each(|number| *number /= length);
    }
    vector
}
