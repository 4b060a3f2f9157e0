"""Agreement between raters, corrected for chance; a missing rating is no opinion, never a label."""

from handrail.agreement.alpha import Level, krippendorff_alpha, krippendorff_alpha_of
from handrail.agreement.kappa import cohen_kappa, cohen_kappa_of, fleiss_kappa, fleiss_kappa_of
from handrail.agreement.measured import Agreement, PairAgreement, measure, percent_agreement
from handrail.agreement.ratings import Ratings, collect, counts_of
from handrail.agreement.resampling import Interval

__all__ = [
    "Agreement",
    "Interval",
    "Level",
    "PairAgreement",
    "Ratings",
    "cohen_kappa",
    "cohen_kappa_of",
    "collect",
    "counts_of",
    "fleiss_kappa",
    "fleiss_kappa_of",
    "krippendorff_alpha",
    "krippendorff_alpha_of",
    "measure",
    "percent_agreement",
]
