//! [`ErrorCode`] → HTTP status, once.

use baize_core::ErrorCode;
use http::StatusCode;

/// The status that stands for a code.
pub(crate) fn of(code: ErrorCode) -> StatusCode {
    use ErrorCode as E;
    match code {
        E::WrongModality
        | E::WrongBodyPart
        | E::WrongView
        | E::MultiFrame
        | E::NotGrayscale
        | E::NoPixelData
        | E::OwnResult
        | E::TooSmall
        | E::NotRouted
        | E::WrongContent
        | E::UnfamiliarImage
        | E::OutsidePopulation
        | E::PoorQuality
        | E::UnfitSeries
        | E::NotDicom
        | E::MalformedObject
        | E::MissingAttribute
        | E::UnsupportedTransferSyntax
        | E::UnsupportedPixelFormat
        | E::CorruptPixelData
        | E::DimensionsTooLarge => StatusCode::UNPROCESSABLE_ENTITY,
        E::ObjectTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        E::InvalidRequest => StatusCode::BAD_REQUEST,
        E::Unauthenticated => StatusCode::UNAUTHORIZED,
        E::Forbidden => StatusCode::FORBIDDEN,
        E::NotFound => StatusCode::NOT_FOUND,
        E::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        // Nobody reads it: the caller is gone. It keeps the metrics honest, as nginx's 499 does.
        E::Cancelled => StatusCode::from_u16(499).unwrap_or(StatusCode::BAD_REQUEST),
        E::QuotaExceeded => StatusCode::TOO_MANY_REQUESTS,
        E::Saturated | E::Draining | E::NotReady => StatusCode::SERVICE_UNAVAILABLE,
        E::DeadlineExceeded => StatusCode::GATEWAY_TIMEOUT,
        E::SpoolFull => StatusCode::INSUFFICIENT_STORAGE,
        E::StorageFailed | E::InferenceFailed | E::DeviceLost | E::Internal => {
            StatusCode::INTERNAL_SERVER_ERROR
        }
    }
}

#[cfg(test)]
mod tests {
    use baize_core::ErrorClass;

    use super::*;

    #[test]
    fn every_code_has_the_status_of_its_class() {
        for code in ErrorCode::ALL.iter().copied() {
            let status = of(code).as_u16();
            let expected: &[u16] = match code.class() {
                ErrorClass::Refused => &[422],
                ErrorClass::Unreadable => &[413, 422],
                ErrorClass::Caller => &[400, 401, 403, 404, 415, 499],
                ErrorClass::Overload => &[429, 503, 504, 507],
                ErrorClass::Internal => &[500],
            };
            assert!(expected.contains(&status), "{code} became {status}");
        }
    }

    #[test]
    fn the_statuses_that_clients_rely_on() {
        for (code, status) in [
            (ErrorCode::Saturated, 503),
            (ErrorCode::Draining, 503),
            (ErrorCode::NotReady, 503),
            (ErrorCode::QuotaExceeded, 429),
            (ErrorCode::DeadlineExceeded, 504),
            (ErrorCode::CorruptPixelData, 422),
            (ErrorCode::WrongModality, 422),
            (ErrorCode::ObjectTooLarge, 413),
            (ErrorCode::SpoolFull, 507),
            (ErrorCode::Cancelled, 499),
            (ErrorCode::Unauthenticated, 401),
            (ErrorCode::Forbidden, 403),
        ] {
            assert_eq!(of(code).as_u16(), status, "{code}");
        }
    }
}
