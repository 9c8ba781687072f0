/* The second file of helpers.c, which logs without an rs_t. */

#include <ringsocket.h>

void log_from_elsewhere(void);

void log_from_elsewhere(void)
{
    RS_LOG(LOG_NOTICE);
    RS_LOG(LOG_NOTICE, "plain");
    RS_LOG(LOG_WARNING, "%d of %s", 7, "nine");
    int evaluated = 0;
    RS_LOG(LOG_INFO, "%d", ++evaluated);
    RS_LOG(LOG_NOTICE, "evaluated %d times", evaluated);
    errno = ENOENT;
    RS_LOG_ERRNO(LOG_ERR, "cannot open %s", "it");
    errno = EACCES;
    RS_LOG_ERRNO(LOG_ERR);
    RS_LOG(LOG_NOTICE, "errno is still %d", errno == EACCES);
    rs_set_thread_id("main");
    RS_LOG(LOG_NOTICE, "with a name");
    rs_set_thread_id("");
}
