//! Amazon Web Services: the only place that names an SDK type. One file per service; what comes out are our types.
