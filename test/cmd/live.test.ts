import test from 'ava';
import { renderLive } from '../../cmd/render/live.ts';

const provisioned = {
  ...{ serial: 'SN0001', product: 'P', steps: [], keyset: 'acme', bootedFor: 'tpm', pcr7: '00' },
  attestationKey: '-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n',
};

test('who watches the console of a medium that provisions sees the attestation key, and the line of success last', (t) => {
  t.is(
    renderLive({ action: 'provision', provisioned, installed: null }),
    `this is the machine SN0001 of product P, booted for tpm use
-----BEGIN PUBLIC KEY-----
AAAA
-----END PUBLIC KEY-----
provisioned successfully`,
  );
});

test('a live system that is for nothing says so', (t) => {
  t.is(
    renderLive({ action: 'livecd', provisioned: null, installed: null }),
    'this live system does nothing by itself',
  );
});
