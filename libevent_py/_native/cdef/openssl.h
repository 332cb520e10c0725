/* What Python calls of OpenSSL itself, for TLSContext and its kin; the shim's
 * tls_*.c call the rest.
 *
 * Everything is OpenSSL's of the very library that this extension links, and so
 * is no object of Python's ssl module.
 */

#ifdef LEPY_WITH_OPENSSL
struct ssl_ctx_st;
struct ssl_session_st;
struct ssl_cipher_st;

#define TLSEXT_NAMETYPE_host_name ...
#define SSL_VERIFY_NONE ...
#define SSL_VERIFY_PEER ...
#define SSL_VERIFY_FAIL_IF_NO_PEER_CERT ...

const char *ERR_lib_error_string(unsigned long code);
const char *ERR_reason_error_string(unsigned long code);
const char *X509_verify_cert_error_string(long verify_result);
int OBJ_txt2nid(const char *);
const char *OBJ_nid2ln(int nid);

void SSL_CTX_free(struct ssl_ctx_st *);
int SSL_CTX_set_cipher_list(struct ssl_ctx_st *, const char *);
int SSL_CTX_set_ciphersuites(struct ssl_ctx_st *, const char *);
int SSL_CTX_set_default_verify_paths(struct ssl_ctx_st *);
int SSL_CTX_load_verify_dir(struct ssl_ctx_st *, const char *);
long SSL_CTX_set_timeout(struct ssl_ctx_st *, long seconds);

const char *SSL_get_version(const struct ssl_st *);
const struct ssl_cipher_st *SSL_get_current_cipher(const struct ssl_st *);
const char *SSL_CIPHER_get_name(const struct ssl_cipher_st *);
const char *SSL_CIPHER_get_version(const struct ssl_cipher_st *);
int SSL_CIPHER_get_bits(const struct ssl_cipher_st *, int *algorithm_bits);
const char *SSL_get_servername(const struct ssl_st *, int type);
int SSL_session_reused(const struct ssl_st *);
long SSL_get_verify_result(const struct ssl_st *);
void SSL_get0_alpn_selected(const struct ssl_st *, const unsigned char **data, unsigned int *length);

void SSL_SESSION_free(struct ssl_session_st *);
int SSL_SESSION_is_resumable(const struct ssl_session_st *);
long SSL_SESSION_get_time(const struct ssl_session_st *);
long SSL_SESSION_get_timeout(const struct ssl_session_st *);
#endif
