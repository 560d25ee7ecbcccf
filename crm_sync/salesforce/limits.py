"""Every figure of Salesforce that we plan with, once, with its source.

Guides are Salesforce's developer guides; LQR is "Salesforce Developer Limits and Allocations Quick Reference".
"""

from datetime import timedelta

# The version of all requests but the SOAP login, which 65.0 no longer has and 64.0 has until Summer '27.
API_VERSION = "67.0"
SOAP_LOGIN_VERSION = "64.0"

# REST guide, "Composite": 25 subrequests, of which five may be queries or collections; it counts as one request.
QUERIES_PER_REQUEST = 5
COLLECTIONS_PER_REQUEST = 5
# REST guide, "sObject Collections": records of one call.
RECORDS_PER_COLLECTION = 200
# REST guide, "Insert or Update Blob Data": bytes of text in a request that is not multipart; we keep to it with all.
LONGEST_BODY = 50_000_000
# REST guide, "Query": most records on a page of an answer; Salesforce may give fewer.
RECORDS_PER_PAGE = 2_000
# SOQL guide, "SOQL Limits": characters of a query, and of a string in its WHERE clause.
LONGEST_QUERY = 100_000
LONGEST_STRING = 4_000

# Bulk 2.0 guide, "Get Results for a Query Job": what we ask a page to hold (`maxRecords`); it may hold fewer.
RECORDS_PER_RESULTS_PAGE = 250_000
# Bulk 2.0 guide, "Upload Job Data": 150 MB after base64, which is a third longer.
LONGEST_FILE = 100_000_000
# Bulk 2.0 guide, "Bulk API 2.0 Limits": characters of a field and of a record of an ingest job.
LONGEST_CSV_VALUE = 32_000
LONGEST_CSV_RECORD = 400_000
# Bulk 2.0 guide, "Create a Job", multipart: what the request that makes the job may hold of data, in characters; we
# count bytes, so never too many.
LONGEST_INLINE = 100_000
# Every poll of a job is a request (LQR, "API Requests"): seconds to the first one and between two at most, each time
# twice as long; how many a job usually takes, and the records an ingest job writes in a second, both by experience.
FIRST_POLL = 1.0
LONGEST_POLL = 120.0
USUAL_POLLS = 2
# Seconds that a job is waited for, where no setting has another time. Salesforce itself keeps one for seven days.
LONGEST_WAIT = 4 * 3600.0
RECORDS_INGESTED_PER_SECOND = 2_000

# Seconds until the whole of an answer is there. LQR: Salesforce works up to ten minutes on a call; reads take seconds.
READ_DEADLINE = 300.0
WRITE_DEADLINE = 660.0
PAGE_DEADLINE = 3_600.0
# Bytes a second of the slowest line that is waited for with what is sent.
SLOWEST_LINE = 100_000
# Bytes of an answer that is no page of a Bulk job; of queries, it is asked for in parts if it is larger.
LARGEST_ANSWER = 1 << 27
# Bytes of a page of a Bulk job: 64 KiB for each of its records, far more than people have.
LARGEST_PAGE = RECORDS_PER_RESULTS_PAGE << 16

# Salesforce Help, "View, Restore, and Manage the Recycle Bin": a pull after a longer pause does not learn of deletions.
RECYCLE_BIN = timedelta(days=15)

# LQR, "API Requests", login rate: logins of a user in an hour.
LOGINS_PER_HOUR = 3_600

# Object reference, "Custom Objects" and "API Field Properties"; SOQL follows at most five relationships upwards.
API_NAME = r"[A-Za-z]\w{0,79}"
FIELD_PATH = rf"{API_NAME}(\.{API_NAME}){{0,5}}"
