//! Whether the collector takes rows.

use tracing::warn;

use crate::http;
use crate::settings::Collector;

/// Without a collector rows stay where they are, and none is lost for want of one.
pub(crate) async fn is_up(collector: Option<&Collector>) -> bool {
    let Some(admin) = collector.and_then(|collector| collector.admin.as_deref()) else {
        return true;
    };
    match http::get(admin, "/readyz").await {
        Ok((200, _)) => true,
        Ok((status, _)) => {
            warn!(admin, status, "the collector is not ready");
            false
        }
        Err(error) => {
            warn!(%error, "the collector cannot be asked");
            false
        }
    }
}
