//! Stations against a real server and a real lake.

mod annotation;
mod damage;
mod delivery;
mod ending;
mod hostile;
mod maintenance;
mod schema;
