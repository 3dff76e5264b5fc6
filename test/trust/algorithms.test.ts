import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import test from 'ava';
import { isSignedBy, parsePublicKey } from '../../pkg/trust/algorithms.ts';
import { parseDer } from '../../pkg/trust/der.ts';

const spkiOf = (key: KeyObject): Buffer => key.export({ format: 'der', type: 'spki' });
const parse = (spki: Uint8Array) => parsePublicKey(parseDer(spki));
const ecdsa = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const ed25519 = generateKeyPairSync('ed25519');
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });

/** An RSA key of these bytes: DER by hand, so that it can be wrong. */
function rsaKey(modulus: Buffer, exponent: Buffer): Buffer {
  const value = (tag: number, ...parts: Buffer[]): Buffer => {
    const content = Buffer.concat(parts);
    const size = content.length;
    const length = size < 128 ? [size] : size < 256 ? [0x81, size] : [0x82, size >> 8, size & 255];
    return Buffer.concat([Buffer.from([tag, ...length]), content]);
  };
  const key = value(0x30, value(0x02, modulus), value(0x02, exponent));
  const algorithm = Buffer.from('300d06092a864886f70d0101010500', 'hex');
  return value(0x30, algorithm, value(0x03, Buffer.concat([Buffer.from([0]), key])));
}
const modulus = (bytes: number, last = 0xff): Buffer => {
  const number = Buffer.alloc(bytes + 1, 0xff);
  number[0] = 0;
  number[bytes] = last;
  return number;
};
const f4 = Buffer.from('010001', 'hex');

test('a key of each allowed kind is read', (t) => {
  t.is(parse(spkiOf(rsa.publicKey)).type, 'rsa');
  t.is(parse(spkiOf(ecdsa.publicKey)).type, 'ecdsa');
  t.is(parse(spkiOf(ed25519.publicKey)).type, 'ed25519');
  t.is(parse(rsaKey(modulus(256), Buffer.from([3]))).type, 'rsa');
  t.is(parse(rsaKey(modulus(1024), f4)).type, 'rsa');
});

const refuses = test.macro({
  title: (title) => `a key refused: ${title}`,
  exec: (t, spki: () => Buffer, code: string, why: string) => {
    t.throws(() => parse(spki()), { code, message: `cannot use the key: ${why}` });
  },
});
const weird = (change: (spki: Buffer) => Buffer, key: KeyObject) => () => change(spkiOf(key));
test(
  'RSA of 2047 bits',
  refuses,
  () => rsaKey(modulus(256).fill(0x7f, 1, 2).subarray(1), f4),
  'untrusted',
  'an RSA key of 2047 bits, at least 2048 are asked for',
);
test(
  'RSA of 8200 bits',
  refuses,
  () => rsaKey(modulus(1025), f4),
  'untrusted',
  'an RSA key of 8200 bits, at most 8192 are allowed',
);
test(
  'RSA with the exponent 1',
  refuses,
  () => rsaKey(modulus(256), Buffer.from([1])),
  'untrusted',
  'an RSA key with the exponent 1',
);
test(
  'RSA with an even exponent',
  refuses,
  () => rsaKey(modulus(256), Buffer.from([4])),
  'untrusted',
  'an RSA key with the exponent 4',
);
test(
  'RSA with no exponent',
  refuses,
  () => rsaKey(modulus(256), Buffer.from([0])),
  'untrusted',
  'an RSA key with the exponent 0',
);
test(
  'RSA with a huge exponent',
  refuses,
  () => rsaKey(modulus(256), modulus(100)),
  'untrusted',
  'an RSA key with too large an exponent',
);
test('RSA with an even modulus', refuses, () => rsaKey(modulus(256, 0xfe), f4), 'invalid', 'it is malformed');
test(
  'RSA for PSS',
  refuses,
  () => spkiOf(generateKeyPairSync('rsa-pss', { modulusLength: 2048 }).publicKey),
  'untrusted',
  'a key of type 1.2.840.113549.1.1.10',
);
test(
  'Ed448',
  refuses,
  () => spkiOf(generateKeyPairSync('ed448').publicKey),
  'untrusted',
  'a key of type 1.3.101.113',
);
test(
  'X25519',
  refuses,
  () => spkiOf(generateKeyPairSync('x25519').publicKey),
  'untrusted',
  'a key of type 1.3.101.110',
);
test(
  'P-384',
  refuses,
  () => spkiOf(generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey),
  'untrusted',
  'an elliptic curve other than P-256 (1.3.132.0.34)',
);
test(
  'a curve of its own',
  refuses,
  () => spkiOf(generateKeyPairSync('ec', { namedCurve: 'P-256', paramEncoding: 'explicit' }).publicKey),
  'untrusted',
  'an elliptic curve other than P-256 (of its own)',
);
test(
  'a point that is not on the curve',
  refuses,
  weird((spki) => {
    spki[spki.length - 1] = (spki.at(-1) ?? 0) ^ 1;
    return spki;
  }, ecdsa.publicKey),
  'invalid',
  'it is malformed',
);
test(
  'a point in hybrid form',
  refuses,
  weird((spki) => {
    spki[spki.length - 65] = 6 | ((spki.at(-1) ?? 0) & 1);
    return spki;
  }, ecdsa.publicKey),
  'invalid',
  'it is malformed',
);
test(
  'Ed25519 with a parameter',
  refuses,
  () =>
    Buffer.concat([
      Buffer.from('302c300706032b65700500032100', 'hex'),
      spkiOf(ed25519.publicKey).subarray(-32),
    ]),
  'invalid',
  'it is malformed',
);

test('what is no signature at all fits nothing, whatever the key', (t) => {
  for (const pair of [rsa, ecdsa, ed25519])
    for (const signature of [
      Buffer.alloc(0),
      Buffer.alloc(64),
      Buffer.alloc(256),
      Buffer.alloc(1 << 20, 0x30),
    ])
      t.false(isSignedBy(parse(spkiOf(pair.publicKey)), Buffer.from('bytes'), signature));
});
