//! Drills: reproducible incidents under virtual time, run with and without the controller, and graded.
