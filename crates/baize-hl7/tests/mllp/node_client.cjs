// Sends messages with node-hl7-client, one after the other, and prints what it reads in each answer as a line of JSON.
const { Client, Message, Batch } = require('node-hl7-client')

// Without a script's name the arguments are counted from 1.
const port = Number(process.argv[1])
const said = []

function message (id) {
  const message = new Message({
    messageHeader: {
      msh_9_1: 'ADT', msh_9_2: 'A04', msh_9_3: 'ADT_A01', msh_10: id, msh_11_1: 'P'
    }
  })
  message.set('MSH.3', 'NODE')
  const pid = message.addSegment('PID')
  pid.set('3.1', 'X1')
  pid.set('5.1', '王')
  return message
}

const batch = new Batch({ batchHeader: { bhs_9: '20260315', bhs_11: 'B1' } })
batch.start()
batch.add(message('in-a-batch'))
batch.end()

const sent = [message('1'), message('E2'), batch, message('R4'), message('5')]
const client = new Client({ host: '127.0.0.1' })
const connection = client.createConnection({ port, waitAck: true }, async (response) => {
  const answer = response.getMessage()
  console.log(JSON.stringify([answer.get('MSA.1').toString(), answer.get('MSA.2').toString()]))
  said.push(answer)
  if (said.length === sent.length) {
    await connection.close()
    process.exit(0)
  }
  await connection.sendMessage(sent[said.length])
})
connection.on('connect', () => { connection.sendMessage(sent[0]) })
