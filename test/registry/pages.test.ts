import test from 'ava';
import { nextPage } from '../../pkg/registry/pages.ts';

const page = new URL('https://r.example/v2/a/tags/list?n=2');
const leads = test.macro({
  exec: (t, header: string | undefined, expected: string | undefined) =>
    t.is(nextPage(header, page)?.href, expected),
  title: (_, header) => `the Link header ${header} leads to the next page`,
});
test(leads, '</v2/a/tags/list?n=2&last=b>; rel="next"', 'https://r.example/v2/a/tags/list?n=2&last=b');
test(leads, '<https://r.example/x>;rel=next', 'https://r.example/x');
test(leads, '<?last=b>; title="a, b"; rel="next"', 'https://r.example/v2/a/tags/list?last=b');
test(leads, '</first>; rel="first", </two>; rel="next"', 'https://r.example/two');
test(leads, '</first>; rel="first"', undefined);
test(leads, '</x>; rel="nextish"', undefined);
test(leads, undefined, undefined);
