// postmark as its reference shows it, with another host and token.
const [url, key, sender] = process.argv.slice(2);
const { ServerClient, Models, Errors } = require('postmark');
const options = { requestHost: new URL(url).host, useHttps: false };
const client = new ServerClient(key, options);

const told = [];
const note = async (promise) => {
  try {
    told.push(await promise);
  } catch (error) {
    told.push({ name: error.name, code: error.code, status: error.statusCode, message: error.message });
  }
};

(async () => {
  await note(client.sendEmail(new Models.Message(
    `Caja Municipal <${sender}>`, 'Su recibo ñ', '<p>Hola, <b>señora</b></p>', 'Hola, señora',
    'Ana Quispe <pjs-one@sandbox.test>', 'pjs-cc@sandbox.test', 'pjs-bcc@sandbox.test',
    'ayuda@sender.test', 'recibos', true, Models.LinkTrackingOptions.HtmlOnly,
    [new Models.Header('X-Pedido', '4711')],
    [new Models.Attachment('año.csv', Buffer.from('a,b\n1,2\n').toString('base64'), 'text/csv')],
    { pedido: '77' },
  )));
  await note(client.sendEmailBatch([
    { From: sender, To: 'pjs-b1@sandbox.test', Subject: 'uno', TextBody: 't' },
    { From: sender, To: 'no address', Subject: 'dos', TextBody: 't' },
    { From: sender, To: 'pjs-b3@sandbox.test', Subject: 'tres', TextBody: 't' },
  ]));
  await note(client.sendEmail({ From: 'app@elsewhere.test', To: 'pjs-x@sandbox.test', TextBody: 't' }));
  await note(client.getServer());
  await note(new ServerClient('wrong', options).sendEmail({ From: sender, To: 'pjs-x@sandbox.test', TextBody: 't' }));
  await note(new ServerClient('POSTMARK_API_TEST', options).sendEmail({ From: sender, To: 'pjs-x@sandbox.test', TextBody: 't' }));
  console.log(JSON.stringify(told));
})();
