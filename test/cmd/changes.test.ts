import test from 'ava';
import { renderChanges } from '../../cmd/render/changes.ts';
import type { Change } from '../../pkg/manifest/index.ts';

const [a, b] = ['a', 'b'].map((digit) => `sha256:${digit.repeat(64)}` as const);
const line = test.macro((t, change: Partial<Change>, expected: string) => {
  const whole = { kind: 'changed', what: 'target', name: 'web', boot: false, fields: [], ...change };
  t.is(renderChanges([whole as Change]), expected);
});

test(
  'a new image shows both versions and images',
  line,
  {
    from: { version: '1', digest: a },
    to: { version: '2', digest: b },
  } as Partial<Change>,
  '  ~ web: 1 (aaaaaaaaaaaa) → 2 (bbbbbbbbbbbb)',
);
test(
  'a new version of the same image is told as one',
  line,
  {
    name: 'hostfs',
    boot: true,
    from: { version: '1', digest: a },
    to: { version: '2', digest: a },
  } as Partial<Change>,
  '  ~ hostfs: 1 → 2 (the same image); needs a reboot',
);
test(
  'a field that changed is named, the image that stayed is not',
  line,
  {
    from: { version: '1', digest: a },
    to: { version: '1', digest: a },
    fields: ['ports'],
  } as Partial<Change>,
  '  ~ web: ports changed',
);
test(
  'what came and what went show their one image',
  line,
  {
    kind: 'added',
    to: { version: '1', digest: a },
  } as Partial<Change>,
  '  + web: 1 (aaaaaaaaaaaa)',
);
