//! The service over real sockets, asked by Arrow's own client.

mod answers;
mod gates;
mod hostile;
mod limits;
mod listings;
