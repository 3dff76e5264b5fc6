import { createHash, generateKeyPairSync } from 'node:crypto';
import test from 'ava';
import { quotePcrs } from '../../pkg/system/tpm/quoted.ts';
import { makeAttestationKey } from '../../pkg/tpm/index.ts';
import { verifyQuote } from '../../pkg/trust/index.ts';
import { hostWithTpm, softwareTpm } from '../helpers/tpm.ts';

test('a quote is believed for what it is about, with the PCRs that it was made of and by its key alone', async (t) => {
  const software = await softwareTpm(t);
  software.tool('pcrextend', `7:sha256=${'ab'.repeat(32)}`);
  const host = hostWithTpm(software);
  const about = createHash('sha256').update('a receipt').digest();
  t.is(await quotePcrs(host, about), undefined, 'no attestation key');
  {
    await using tpm = await host.devices.openTpm();
    await makeAttestationKey(tpm, '', 0x81000101);
  }
  const quoted = await quotePcrs(host, about);
  if (quoted === undefined) return t.fail('no quote');
  t.deepEqual(Object.keys(quoted.pcrs), ['0', '2', '4', '7', '11']);
  t.notThrows(() => verifyQuote(quoted, about, 'receipt.json'));

  const refused = (text: string, changed: Partial<typeof quoted>, to: Uint8Array = about) =>
    t.throws(() => verifyQuote({ ...quoted, ...changed }, to, 'receipt.json'), {
      code: 'untrusted',
      message: `cannot trust the quote of the TPM in receipt.json: ${text}`,
    });
  const others = 'the PCRs are others than it was made of';
  refused('it was made about something else', {}, createHash('sha256').update('another').digest());
  refused(others, { pcrs: { ...quoted.pcrs, 7: '00'.repeat(32) } });
  refused(others, { pcrs: { 7: quoted.pcrs['7'] ?? '' } });
  const unsigned = 'no signature of its key fits it';
  const stranger = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey;
  refused(unsigned, { key: stranger.export({ type: 'spki', format: 'pem' }).toString() });
  refused(unsigned, { key: 'no key' });
  const attested = Buffer.from(quoted.attested, 'base64');
  attested.writeUInt8(attested.readUInt8(20) ^ 1, 20);
  refused(unsigned, { attested: attested.toString('base64') });
});
