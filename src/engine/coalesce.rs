//! Single flight: of many requests for the same answer, one asks a model and all read what comes.
