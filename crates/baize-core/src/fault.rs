//! One closed set of error codes, mapped once per protocol by the edge that speaks it.

use std::fmt;
use std::time::Duration;

use crate::Language;

/// What kind of trouble a code stands for; edges choose their status from the class where the code alone
/// has no better one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorClass {
    /// The image is fine but none that a model may read.
    Refused,
    /// The object is damaged, absurd, or of a kind that cannot be read.
    Unreadable,
    /// The caller's mistake.
    Caller,
    /// No capacity now; trying again helps.
    Overload,
    /// Our own trouble.
    Internal,
}

macro_rules! error_codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $class:ident, $en:literal, $zh:literal;)*) => {
        /// Every error that Baize tells anybody about.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum ErrorCode { $($(#[$doc])* $name,)* }

        impl ErrorCode {
            /// All codes.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The stable name used in JSON, storage and metrics.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// What kind of trouble it is.
            pub const fn class(self) -> ErrorClass {
                match self { $(Self::$name => ErrorClass::$class,)* }
            }

            /// A short title for people.
            pub const fn title(self, language: Language) -> &'static str {
                match (self, language) {
                    $((Self::$name, Language::English) => $en,
                      (Self::$name, Language::Chinese) => $zh,)*
                }
            }
        }
    };
}

error_codes! {
    /// No installed model reads this modality.
    WrongModality = "wrong_modality", Refused, "No model reads this modality", "没有适用于该检查设备类型的模型";
    /// No installed model reads this body part.
    WrongBodyPart = "wrong_body_part", Refused, "No model reads this body part", "没有适用于该检查部位的模型";
    /// No installed model reads this view.
    WrongView = "wrong_view", Refused, "No model reads this view", "没有适用于该投照体位的模型";
    /// A routing rule keeps the image from every model.
    NotRouted = "not_routed", Refused, "A routing rule keeps the image from all models", "按路由规则，该图像不由任何模型判读";
    /// The model takes one frame and the object has several.
    MultiFrame = "multi_frame", Refused, "The model reads single-frame images only", "该模型只能读取单帧图像";
    /// A colour image was given to a model of grey images.
    NotGrayscale = "not_grayscale", Refused, "The model reads grayscale images only", "该模型只能读取灰度图像";
    /// The object holds no pixel data: a report, a presentation state, a plan.
    NoPixelData = "no_pixel_data", Refused, "The object holds no image", "该对象不含图像";
    /// One of our own results came back from a peer.
    OwnResult = "own_result", Refused, "The object is a result made by Baize", "该对象是白泽自身生成的结果";
    /// Smaller than any diagnostic image.
    TooSmall = "too_small", Refused, "The image is too small to read", "图像尺寸过小，无法判读";
    /// The pixels show something else than the model reads, whatever the header says.
    WrongContent = "wrong_content", Refused, "The pixels show something the model does not read", "图像内容不在模型适用范围内";
    /// The pixels show nothing that the model or the gate knows.
    UnfamiliarImage = "unfamiliar_image", Refused, "The image is not like those the model reads", "图像与模型适用的图像不符";
    /// The patient, or how the image was taken, is not among what the model was validated on, or is not known.
    OutsidePopulation = "outside_population", Refused, "Outside the validated population", "超出已验证人群";
    /// Blank, nearly blank, or with light and dark swapped.
    PoorQuality = "poor_quality", Refused, "The image quality does not allow a reading", "图像质量不足，无法判读";
    /// Slices are missing, stand twice, or do not lie as those of one volume do.
    UnfitSeries = "unfit_series", Refused, "The series does not form a complete volume", "该序列不能构成完整的容积数据";

    /// The bytes are no DICOM object.
    NotDicom = "not_dicom", Unreadable, "Not a DICOM object", "不是 DICOM 对象";
    /// A header attribute is damaged or contradicts another.
    MalformedObject = "malformed_object", Unreadable, "The DICOM object is malformed", "DICOM 对象格式错误";
    /// An attribute is missing without which the object cannot be kept.
    MissingAttribute = "missing_attribute", Unreadable, "A required DICOM attribute is missing", "缺少必需的 DICOM 属性";
    /// No decoder for the transfer syntax.
    UnsupportedTransferSyntax = "unsupported_transfer_syntax", Unreadable, "The transfer syntax is not supported", "不支持该传输语法";
    /// A pixel layout that would be mis-decoded.
    UnsupportedPixelFormat = "unsupported_pixel_format", Unreadable, "The pixel format is not supported", "不支持该像素格式";
    /// The compressed stream is damaged, or shorter than the header says.
    CorruptPixelData = "corrupt_pixel_data", Unreadable, "The pixel data is damaged", "像素数据已损坏";
    /// The image is larger than the configured limit.
    DimensionsTooLarge = "dimensions_too_large", Unreadable, "The image is larger than the limit", "图像尺寸超过上限";
    /// The object is larger than the configured limit.
    ObjectTooLarge = "object_too_large", Unreadable, "The object is larger than the limit", "对象大小超过上限";

    /// The request is not understood.
    InvalidRequest = "invalid_request", Caller, "The request is invalid", "请求无效";
    /// No or wrong credentials.
    Unauthenticated = "unauthenticated", Caller, "Authentication is required", "需要身份验证";
    /// The role may not do this.
    Forbidden = "forbidden", Caller, "The role does not allow this", "当前角色无权执行此操作";
    /// There is no such thing.
    NotFound = "not_found", Caller, "Not found", "未找到";
    /// The body has the wrong media type.
    UnsupportedMediaType = "unsupported_media_type", Caller, "The media type is not supported", "不支持该媒体类型";
    /// The caller went away before the answer.
    Cancelled = "cancelled", Caller, "The caller cancelled the request", "请求已被调用方取消";
    /// This caller has too much work in flight.
    QuotaExceeded = "quota_exceeded", Overload, "Too many requests from this client", "该客户端请求过多";

    /// The queues are full.
    Saturated = "saturated", Overload, "The server is saturated", "服务器负载已满";
    /// The server is about to stop.
    Draining = "draining", Overload, "The server is shutting down", "服务器正在停机";
    /// Models are still warming up.
    NotReady = "not_ready", Overload, "The server is not ready yet", "服务器尚未就绪";
    /// The deadline would pass, or has passed, in the queue.
    DeadlineExceeded = "deadline_exceeded", Overload, "The deadline passed before the work could be done", "任务未能在截止时间前完成";
    /// The disk's share for incoming objects is used up.
    SpoolFull = "spool_full", Overload, "The spool is full", "暂存空间已满";

    /// The disk or the database did not do as told.
    StorageFailed = "storage_failed", Internal, "Storage failed", "存储失败";
    /// The model raised an error on this image.
    InferenceFailed = "inference_failed", Internal, "The model could not run", "模型运行失败";
    /// The computing device is gone.
    DeviceLost = "device_lost", Internal, "The computing device was lost", "计算设备丢失";
    /// A mistake in Baize.
    Internal = "internal", Internal, "Internal error", "内部错误";
}

impl ErrorCode {
    /// The code of a stable name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.as_str() == name)
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What went wrong, for a program (`code`) and for a person (`message`).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Fault {
    /// The closed code.
    pub code: ErrorCode,
    /// One English sentence that names the attribute or field and the remedy. Holds no patient data:
    /// it is logged and sent to peers.
    pub message: String,
    /// When trying again makes sense, for [`ErrorClass::Overload`].
    pub retry_after: Option<Duration>,
}

impl Fault {
    /// A fault without a retry time.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), retry_after: None }
    }

    /// The same fault with the time after which trying again makes sense.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_are_unique_and_round_trip() {
        let names: HashSet<_> = ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(names.len(), ErrorCode::ALL.len());
        for code in ErrorCode::ALL {
            assert_eq!(ErrorCode::from_name(code.as_str()), Some(*code));
            assert!(!code.title(Language::Chinese).is_ascii(), "{code} lacks a Chinese title");
        }
    }
}
