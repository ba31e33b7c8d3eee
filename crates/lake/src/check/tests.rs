mod batches;
mod files;
mod fixture;
mod live;
mod log;
mod rows;
