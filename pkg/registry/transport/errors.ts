import { MosError } from '../../errors/index.ts';
import { transientError } from './transient.ts';

/** What the certificate checks of the runtime say; both runtimes use OpenSSL's names. */
const certificateErrors: Readonly<Record<string, string>> = {
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate is signed by an unknown CA',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is signed by itself',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its certificate is signed by an unknown CA',
  UNABLE_TO_GET_ISSUER_CERT: 'its certificate is signed by an unknown CA',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'its certificate is signed by an unknown CA',
  CERT_HAS_EXPIRED: 'its certificate has expired',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet',
  CERT_REVOKED: 'its certificate is revoked',
  CERT_SIGNATURE_FAILURE: 'the signature of its certificate is wrong',
  INVALID_PURPOSE: 'its certificate is not made for servers',
  INVALID_CA: 'its certificate is signed by something that is no CA',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is made for another name',
  HOSTNAME_MISMATCH: 'its certificate is made for another name',
};

/** Trying again soon may help; a refused connection or an unknown name is answered at once. */
const transientErrors: Readonly<Record<string, string>> = {
  ECONNRESET: 'it broke the connection',
  EPIPE: 'it broke the connection',
  ECONNABORTED: 'it broke the connection',
  ETIMEDOUT: 'it does not answer',
  EAI_AGAIN: 'its name cannot be looked up now',
  ENETUNREACH: 'the network cannot be reached',
  EHOSTUNREACH: 'the host cannot be reached',
};
const lastingErrors: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'it refuses the connection',
  ENOTFOUND: 'its name is not known',
};

const codeOf = (error: unknown): string => {
  if (error instanceof AggregateError && error.errors.length > 0) return codeOf(error.errors[0]);
  return String((error as { code?: unknown } | undefined)?.code ?? '');
};

/** An error of a socket, in our words. `peer` is `host:port`. */
export function describeSocketError(peer: string, error: unknown): MosError {
  if (error instanceof MosError) return error;
  const code = codeOf(error);
  const certificate = certificateErrors[code];
  if (certificate !== undefined)
    return new MosError('untrusted', `${peer} is not trusted: ${certificate}`, {
      hint: 'give its CA with --registry-ca FILE, or put it into /etc/containers/certs.d/HOST:PORT/ca.crt',
    });
  const lasting = lastingErrors[code];
  if (lasting !== undefined) return new MosError('network', `${peer} cannot be reached: ${lasting}`);
  const sentence = transientErrors[code];
  if (sentence !== undefined) return transientError('network', `${peer}: ${sentence}`);
  if (/SSL|TLS|EPROTO/.test(code))
    return new MosError('network', `${peer} does not speak TLS as we know it`, {
      hint: 'a registry without TLS needs http:// before its name or --plain-http',
    });
  return transientError('network', `${peer}: the connection failed`, error);
}
